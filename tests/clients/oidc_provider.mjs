// A certified OpenID provider (the package oidc-provider) for tests: everybody who comes is let in as the account that
// was named last, without a form.
//
// Prints {"issuer": …} once it listens; lines on stdin tell it more, each answered by {"ok": true}: {"redirect": …}, the
// address where browsers come back to, and {"account": …}, who signs in from now on. It ends when stdin closes.
import { createServer } from "node:http";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
let account = "";
let provider;
let oidc;

function serve(redirect) {
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: "edge",
        client_secret: "a secret of the client's alone",
        redirect_uris: [redirect],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    // In the ID token itself: nobody asks for more.
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], profile: ["name"] },
    cookies: { keys: ["a key for the cookies of a test"] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: `The one called ${sub}` }) }),
  });
  oidc = provider.callback();
}

/** Lets somebody in, and agrees to all that is asked. */
async function agree(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: account, clientId: params.client_id });
  grant.addOIDCScope("openid profile email");
  const result = { login: { accountId: account }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
}

server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return oidc(request, response);
  await agree(request, response).catch((error) => response.writeHead(500).end(String(error)));
});

process.stdout.write(`${JSON.stringify({ issuer })}\n`);
for await (const line of createInterface(process.stdin)) {
  const told = JSON.parse(line);
  if (told.redirect !== undefined) serve(told.redirect);
  if (told.account !== undefined) account = told.account;
  process.stdout.write('{"ok":true}\n');
}
process.exit(0);
