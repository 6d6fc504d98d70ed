// Requests to this server, with the key that the tab keeps; errors as one class.

const KEY = "abgnn.key";

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

export class Refusal extends Error {
  // status: of HTTP, 0 if there was no reply; account: what was spent nevertheless, or undefined
  constructor(status, message, code, account) {
    super(message);
    Object.assign(this, { status, code, account });
  }

  static of(data, status) {
    const { message, code } = data?.error ?? {};
    return new Refusal(status, String(message ?? `HTTP ${status}`), String(code ?? ""), data?.abgnn);
  }
}

export async function request(path, body, signal) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  const method = body === undefined ? "GET" : "POST";
  let response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body), signal });
  } catch (wrong) {
    if (signal?.aborted) throw wrong;
    throw new Refusal(0, "The server cannot be reached.", "unreachable");
  }
  if (response.ok) return response;
  throw Refusal.of(await response.json().catch(() => null), response.status);
}

export const json = async (path, body, signal) => (await request(path, body, signal)).json();

// The objects of a stream of server-sent events, until it says that it is done.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let [rest, over] = ["", false];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done && over) return;
      if (done) throw new Refusal(0, "The connection broke off before the answer was complete.", "broken");
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data: ")) continue;
        if (line === "data: [DONE]") over = true;
        if (over) continue;
        const data = JSON.parse(line.slice(6));
        if (data.error) throw Refusal.of(data, response.status);
        yield data;
      }
    }
  } finally {
    if (!over) reader.cancel().catch(() => {}); // no further calls are made for us
  }
}
