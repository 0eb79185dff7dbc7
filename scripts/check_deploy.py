"""Checks of scripts/check-deploy that need no Kubernetes; problems are printed, and end it with status 1.

check_deploy.py context FOLDER         makes the image's build context, as .dockerignore lets it through
check_deploy.py tunnel FILE SCHEMA     cloudflared's configuration
check_deploy.py dashboard FILE         a Grafana dashboard
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import promql_parser
import yaml


class UniqueKeys(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML's usual readers take the last without a word."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


def documents(path):
    """The documents of a YAML file, empty ones left out."""
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.load_all(file, Loader=UniqueKeys) if document is not None]


def violations(schema, data):
    """What a JSON schema says against the data, each with its place."""
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for error in sorted(validator.iter_errors(data), key=lambda error: list(map(str, error.absolute_path))):
        yield f"{'.'.join(map(str, error.absolute_path)) or '(top)'}: {error.message}"


def promql_problem(expression):
    """Why an expression is no PromQL; None if it is. Grafana's interval stands for some duration."""
    try:
        promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    except ValueError as error:
        return f"{error}: {expression}"
    return None


def check_context(folder):
    """Copies what `*` and its exceptions leave of the working tree; says which exceptions stand for nothing."""
    lines = pathlib.Path(".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    if rules[0] != "*" or not all(rule.startswith("!") for rule in rules[1:]):
        yield ".dockerignore: not `*` and then exceptions: this check reads nothing else"
        return
    for rule in rules[1:]:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", rule[1:]],
            check=True, capture_output=True, text=True,
        ).stdout.split("\0")
        files = [name for name in listed if name and pathlib.Path(name).is_file()]
        if not files:
            yield f".dockerignore: there is no {rule[1:]}"
        for name in files:
            target = pathlib.Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target)
    dockerfile = pathlib.Path("inference/deploy/Dockerfile").read_text(encoding="utf-8")
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for name in source.split():
            if not pathlib.Path(folder, name).exists():
                yield f"Dockerfile: COPY {name}: not in the build context"


def check_tunnel(path, schema_path):
    """cloudflared's configuration: known fields of the right form, and a last rule that takes everything."""
    config, = documents(path)
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    problems = list(violations(schema, config))
    yield from problems
    if problems:
        return
    *rules, last = config["ingress"]
    if "hostname" in last or "path" in last or last["service"] != "http_status:404":
        yield "ingress: the last rule must answer everything else with 404"
    if any("hostname" not in rule or not rule.get("path", "").startswith("^/v1/") for rule in rules):
        yield "ingress: a rule without a name, or with more than /v1/: /metrics would be public"
    if config["tunnel"] not in config["credentials-file"]:
        yield "credentials-file: not that of the tunnel"


def check_dashboard(path):
    """A dashboard: unique panels in their places, each explained, each reading the chosen source by valid PromQL."""
    with open(path, encoding="utf-8") as file:
        board = json.load(file)
    for field in ("uid", "title", "schemaVersion", "panels", "templating"):
        if field not in board:
            yield f"{field} is missing"
            return
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    if variables.get("datasource", {}).get("type") != "datasource":
        yield "templating: no variable `datasource` of type datasource"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for name, variable in variables.items():
        if variable["type"] == "query" and variable.get("datasource") != chosen:
            yield f"variable {name}: not of the chosen data source"
    ids, taken = set(), set()
    for panel in board["panels"]:
        at = f"panel {panel.get('id')} {panel.get('title')!r}"
        if panel.get("id") in ids or not isinstance(panel.get("id"), int):
            yield f"{at}: its id is missing or another panel's"
        ids.add(panel.get("id"))
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            yield f"{at}: overlaps another one, or leaves the grid"
        taken |= cells
        if panel["type"] == "row":
            continue
        if not panel.get("title") or not panel.get("description") or not panel.get("targets"):
            yield f"{at}: title, description or targets are missing"
        if panel.get("datasource") != chosen or any(t.get("datasource") != chosen for t in panel["targets"]):
            yield f"{at}: not of the chosen data source"
        if len({target["refId"] for target in panel["targets"]}) < len(panel["targets"]):
            yield f"{at}: a refId comes twice"
        for target in panel["targets"]:
            problem = promql_problem(target["expr"])
            if problem:
                yield f"{at}: {problem}"
            for name in re.findall(r"\$\{?(\w+)", target["expr"].replace("$__rate_interval", "")):
                if name not in variables:
                    yield f"{at}: no variable ${name}"


def report(name, problems):
    """Prints the problems; whether there were any."""
    found = False
    for problem in problems:
        found = True
        print(f"{name}: {problem}", file=sys.stderr)
    return found


if __name__ == "__main__":
    check = {"context": check_context, "tunnel": check_tunnel, "dashboard": check_dashboard}[sys.argv[1]]
    sys.exit(1 if report(sys.argv[2] if check is not check_context else "image", check(*sys.argv[2:])) else 0)
