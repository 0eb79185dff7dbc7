"""check_kubernetes.py FOLDER RENDERED...: the manifests as the cluster gets them, against the schemas of Kubernetes,
KEDA and the Prometheus Operator, and against each other. Problems are printed, and end it with status 1."""

import pathlib
import re
import sys

import kubernetes_validate
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from check_deploy import documents, promql_problem, report, violations

# The oldest that is tested, and the newest there are schemas of.
KUBERNETES_VERSIONS = ("1.34", "1.37")
CUSTOM_RESOURCES = {
    ("keda.sh/v1alpha1", "ScaledObject"): keda.ScaledObject,
    ("monitoring.coreos.com/v1", "PrometheusRule"): prometheus_operator.PrometheusRule,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): prometheus_operator.ServiceMonitor,
}
# What the service takes for its last answers after the drain (inference/src/server.rs), and some.
FAREWELL_SECONDS = 5
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# What the schemas leave out: a string of any other form is refused by the API server.
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?")


def strict(schema):
    """A model's JSON schema without its leniences: no unknown fields, no nulls."""
    if isinstance(schema, list):
        return [strict(item) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if len(made.get("anyOf", [])) == 1:
        # So that what is wrong is told of its own place.
        made.update(made.pop("anyOf")[0])
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def schema_problems(resource):
    """What the resource's own schema says against it."""
    kind = (resource.get("apiVersion"), resource.get("kind"))
    if kind in CUSTOM_RESOURCES:
        schema = strict(CUSTOM_RESOURCES[kind].model_json_schema(by_alias=True))
        yield from violations(schema, resource)
        return
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {'.'.join(map(str, error.path)) or '(top)'}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"Kubernetes {version}: {error.message}"


def quantity(text):
    """Bytes of a quantity such as 5Gi."""
    return int(text[:-2]) * UNITS[text[-2:]]


class Rendered:
    """The resources of one overlay."""

    def __init__(self, resources):
        self.resources = resources
        self.deployment, = self.of("Deployment")
        self.pod = self.deployment["spec"]["template"]["spec"]
        self.containers = self.pod["initContainers"] + self.pod["containers"]
        self.settings = self.of("ConfigMap")[0]["data"]

    def of(self, kind):
        return [resource for resource in self.resources if resource["kind"] == kind]

    def problems(self):
        """What contradicts what; nothing of this is in a schema."""
        yield from self.selectors()
        yield from self.ports()
        yield from self.restrictions()
        yield from self.references()
        yield from self.times_and_sizes()
        yield from self.scaling()
        yield from self.expressions()

    def selectors(self):
        pods = self.deployment["spec"]["template"]["metadata"]["labels"]
        service, = self.of("Service")
        chosen = [
            ("Deployment", self.deployment["spec"]["selector"].get("matchLabels"), pods),
            ("Service", service["spec"].get("selector"), pods),
            *(("PodDisruptionBudget", budget["spec"].get("selector", {}).get("matchLabels"), pods)
              for budget in self.of("PodDisruptionBudget")),
            *(("NetworkPolicy", policy["spec"]["podSelector"].get("matchLabels"), pods)
              for policy in self.of("NetworkPolicy")),
            *(("ServiceMonitor", monitor["spec"]["selector"].get("matchLabels"), service["metadata"]["labels"])
              for monitor in self.of("ServiceMonitor")),
        ]
        for kind, selector, labels in chosen:
            if not selector or not selector.items() <= labels.items():
                yield f"{kind}: its selector {selector} does not select {labels}"
        for policy in self.of("NetworkPolicy"):
            for rule in policy["spec"]["ingress"]:
                for peer in rule.get("from", [{}]):
                    labels = peer.get("podSelector", {}).get("matchLabels")
                    if not peer or labels == policy["spec"]["podSelector"]["matchLabels"]:
                        yield "NetworkPolicy: it lets in everybody, or the service itself"

    def ports(self):
        ports = {port["name"] for container in self.containers for port in container.get("ports", [])}
        service, = self.of("Service")
        named = [("Service", port["targetPort"]) for port in service["spec"]["ports"]]
        for container in self.pod["containers"]:
            named += [(probe, container[probe]["httpGet"]["port"])
                      for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        for policy in self.of("NetworkPolicy"):
            named += [("NetworkPolicy", port["port"]) for rule in policy["spec"]["ingress"] for port in rule["ports"]]
        for kind, port in named:
            if port not in ports:
                yield f"{kind}: there is no port {port}"
        offered = {port["name"] for port in service["spec"]["ports"]}
        for monitor in self.of("ServiceMonitor"):
            for endpoint in monitor["spec"]["endpoints"]:
                if endpoint["port"] not in offered:
                    yield f"ServiceMonitor: the Service has no port {endpoint['port']}"

    def restrictions(self):
        """The namespace enforces most of them; a pod that is not admitted is noticed late."""
        pod = self.pod["securityContext"]
        if not pod.get("runAsNonRoot") or not pod.get("runAsUser") or \
                pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield "Deployment: the pod may run as root, or without a seccomp profile"
        if self.pod.get("automountServiceAccountToken") is not False:
            yield "Deployment: it has a token of the cluster"
        for container in self.containers:
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("readOnlyRootFilesystem") is not True or \
                    own.get("capabilities") != {"drop": ["ALL"]}:
                yield f"container {container['name']}: not restricted"
            for name, amount in {**container["resources"]["requests"], **container["resources"]["limits"]}.items():
                if not QUANTITY.fullmatch(str(amount)):
                    yield f"container {container['name']}: {name}: {amount} is no quantity"
            if not container["image"].rpartition(":")[2][0].isdigit():
                yield f"container {container['name']}: {container['image']} has no version"
        if self.of("Secret"):
            yield "a Secret stands in the manifests"

    def references(self):
        configured = {resource["metadata"]["name"] for resource in self.of("ConfigMap")}
        claims = {resource["metadata"]["name"] for resource in self.of("PersistentVolumeClaim")}
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims:
                yield f"volume {volume['name']}: there is no claim {claim}"
        for container in self.containers:
            for mount in container["volumeMounts"]:
                if mount["name"] not in volumes:
                    yield f"container {container['name']}: there is no volume {mount['name']}"
            for source in container.get("envFrom", []):
                if source["configMapRef"]["name"] not in configured:
                    yield f"container {container['name']}: there is no ConfigMap {source['configMapRef']['name']}"

    def times_and_sizes(self):
        service, = self.pod["containers"]
        drain = int(self.settings["INFERENCE_DRAIN_DELAY"]) + int(self.settings["INFERENCE_DRAIN_TIMEOUT"])
        needed = drain + FAREWELL_SECONDS
        if self.pod["terminationGracePeriodSeconds"] < needed:
            yield f"Deployment: terminationGracePeriodSeconds is below delay, drain and farewell: {needed}"
        limit = quantity(service["resources"]["limits"]["memory"])
        if int(self.settings["INFERENCE_MEMORY_MARK_MIB"]) * 2**20 >= limit:
            yield "Deployment: it is killed before it reaches INFERENCE_MEMORY_MARK_MIB"
        update = self.deployment["spec"]["strategy"]["rollingUpdate"]
        if update["maxUnavailable"] != 0:
            yield "Deployment: a rollout takes hosts away before others are ready"
        has_gpu = "nvidia.com/gpu" in service["resources"]["limits"]
        if has_gpu != service["image"].endswith("-cuda"):
            yield f"Deployment: {service['image']} {'with' if has_gpu else 'without'} a GPU"

    def scaling(self):
        states = float(self.settings["INFERENCE_STATES"])
        scaled = self.of("ScaledObject")
        if scaled and "replicas" in self.deployment["spec"]:
            yield "Deployment: an apply would set back what KEDA has scaled"
        for scaler in scaled:
            spec = scaler["spec"]
            if spec["scaleTargetRef"]["name"] != self.deployment["metadata"]["name"]:
                yield "ScaledObject: it scales something else"
            if not 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]:
                yield "ScaledObject: minReplicaCount, fallback and maxReplicaCount are not in order"
            for trigger in spec["triggers"]:
                if trigger["metricType"] != "AverageValue":
                    yield f"ScaledObject: {trigger['name']}: a fallback works with AverageValue alone"
                if trigger["name"] == "busy-states" and float(trigger["metadata"]["threshold"]) != 0.75 * states:
                    yield f"ScaledObject: busy-states is not at three quarters of {states:g} states"

    def expressions(self):
        found = [trigger["metadata"]["query"] for scaler in self.of("ScaledObject")
                 for trigger in scaler["spec"]["triggers"]]
        found += [rule["expr"] for rules in self.of("PrometheusRule") for group in rules["spec"]["groups"]
                  for rule in group["rules"]]
        namespace = self.deployment["metadata"]["namespace"]
        for expression in found:
            problem = promql_problem(expression)
            if problem:
                yield problem
            if expression.count("inference_") != expression.count(f'namespace="{namespace}"'):
                yield f"a metric of other namespaces, too: {expression}"


def unused_files(folder):
    """Files that no kustomization names: they would never reach a cluster."""
    named, there = set(), set()
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_dir():
            continue
        there.add(path.resolve())
        if path.name == "kustomization.yaml":
            kustomization, = documents(path)
            named.add(path.resolve())
            names = kustomization.get("resources", []) + kustomization.get("components", [])
            names += [patch["path"] for patch in kustomization.get("patches", []) if "path" in patch]
            named |= {(path.parent / name).resolve() for name in names}
        else:
            documents(path)
    for path in sorted(there - named):
        yield f"no kustomization names {path.name}"


def main(folder, rendered):
    """Whether any of it has a problem."""
    failed = report(folder, unused_files(folder))
    for path in rendered:
        name = pathlib.Path(path).stem
        resources = documents(path)
        bad = False
        for resource in resources:
            at = f"{name}: {resource.get('kind')} {resource.get('metadata', {}).get('name')}"
            bad |= report(at, schema_problems(resource))
        failed |= bad
        if bad:
            # What breaks its schema may lack what is compared.
            continue
        try:
            failed |= report(name, Rendered(resources).problems())
        except (KeyError, ValueError) as error:
            failed |= report(name, [f"not there, or more than once, though something else builds on it: {error!r}"])
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], sys.argv[2:]) else 0)
