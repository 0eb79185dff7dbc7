// The request as code to copy: curl, Python and JavaScript. The key stands in an environment variable.
import type { Request } from "./request";

export const CODE_LANGUAGES = [
  { value: "curl", label: "curl" },
  { value: "python", label: "Python" },
  { value: "javascript", label: "JavaScript" },
] as const;

export type CodeLanguage = (typeof CODE_LANGUAGES)[number]["value"];

export function codeOf(language: CodeLanguage, origin: string, request: Request, file: string): string {
  const url = origin + request.path;
  switch (language) {
    case "curl":
      return curl(url, request, file);
    case "python":
      return python(url, request, file);
    case "javascript":
      return javascript(url, request, file);
  }
}

function curl(url: string, { fields, streams }: Request, file: string): string {
  const lines = [
    `curl ${streams ? "-N " : ""}${shell(url)}`,
    `-H "Authorization: Bearer $API_KEY"`,
    // --form-string: no value is read as the name of a file.
    ...fields.map(([name, value]) => `--form-string ${shell(`${name}=${value}`)}`),
    `-F ${shell(`file=@"${file.replace(/["\\]/g, "\\$&")}"`)}`,
  ];
  return lines.join(" \\\n  ");
}

function python(url: string, { fields, streams }: Request, file: string): string {
  const data = fields.map(([name, value]) => `        ${quoted(name)}: ${quoted(value)},`);
  const call = [
    `    ${quoted(url)},`,
    `    headers={"Authorization": f"Bearer {os.environ['API_KEY']}"},`,
    "    data={",
    ...data,
    "    },",
    `    files={"file": open(${quoted(file)}, "rb")},`,
    "    timeout=None,",
  ];
  const head = ["# pip install httpx", "import os", "", "import httpx", ""];
  const rest = streams
    ? ["with httpx.stream(", `    "POST",`, ...call, ") as answer:", "    for line in answer.iter_lines():", "        print(line)"]
    : ["answer = httpx.post(", ...call, ")", "print(answer.text)"];
  return [...head, ...rest].join("\n");
}

function javascript(url: string, { fields, streams }: Request, file: string): string {
  return [
    `// Node 22 or newer, as a module (.mjs)`,
    `import { openAsBlob } from "node:fs";`,
    "",
    "const form = new FormData();",
    ...fields.map(([name, value]) => `form.append(${quoted(name)}, ${quoted(value)});`),
    `form.append("file", await openAsBlob(${quoted(file)}), ${quoted(file)});`,
    "",
    `const answer = await fetch(${quoted(url)}, {`,
    `  method: "POST",`,
    "  headers: { Authorization: `Bearer ${process.env.API_KEY}` },",
    "  body: form,",
    "});",
    ...(streams
      ? ["const text = new TextDecoderStream();", "for await (const part of answer.body.pipeThrough(text)) process.stdout.write(part);"]
      : ["console.log(await answer.text());"]),
  ].join("\n");
}

// A quote ends the quoting, stands by itself, and begins it again.
const shell = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

// What JSON writes as a string, Python and JavaScript read as the same one.
const quoted = (text: string): string => JSON.stringify(text);
