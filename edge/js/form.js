// Forms that the edge makes (RFC 7578): the fields of a job, and around a file that streams.

const encoder = new TextEncoder();

/** A value of `Content-Disposition` as browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm"). */
const quoted = (text) => text.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");

function head(fields, boundary) {
  return fields
    .map(([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join("");
}

const headersOf = (boundary) => new Headers({ "content-type": `multipart/form-data; boundary=${boundary}` });

/** A boundary that no value holds: it is drawn by lot. */
const drawn = () => `job-${crypto.randomUUID()}`;

/** A form without a file. */
export function plainForm(fields) {
  const boundary = drawn();
  return { body: encoder.encode(`${head(fields, boundary)}--${boundary}--\r\n`), headers: headersOf(boundary) };
}

/** A form with a file, which streams through it. */
export function formAround(fields, name, file, size) {
  const boundary = drawn();
  const before = encoder.encode(
    `${head(fields, boundary)}--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${quoted(name)}"\r\n` +
      "content-type: application/octet-stream\r\n\r\n",
  );
  const after = encoder.encode(`\r\n--${boundary}--\r\n`);
  const { readable, writable } = new FixedLengthStream(before.length + size + after.length);
  const pass = async () => {
    const begin = writable.getWriter();
    await begin.write(before);
    begin.releaseLock();
    await file.pipeTo(writable, { preventClose: true });
    const end = writable.getWriter();
    await end.write(after);
    await end.close();
  };
  // Who reads hears of a failure.
  pass().catch((error) => writable.abort(error).catch(() => {}));
  return { body: readable, headers: headersOf(boundary) };
}
