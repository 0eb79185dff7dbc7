// A certified OpenID provider (the package oidc-provider) for tests: everybody who comes is let in as the account that
// the path of the address says, without a form.
//
// Prints {"issuer": …} once it listens. argv[2]: the address where browsers come back to. It ends when stdin closes.
import { createServer } from "node:http";
import { once } from "node:events";
import { Provider } from "oidc-provider";

const redirect = process.argv[2];
const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
/** Who signs in next. */
let account = "ann";

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "edge",
      client_secret: "a secret of the client's alone",
      redirect_uris: [redirect],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  claims: { openid: ["sub"], profile: ["name"] },
  // In the ID token itself: nobody asks for more.
  conformIdTokenClaims: false,
  cookies: { keys: ["a key for the cookies of a test"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: `The one called ${sub}` }) }),
});

const oidc = provider.callback();

/** Lets somebody in, and agrees to all that is asked. */
async function agree(request, response) {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: account, clientId: params.client_id });
  grant.addOIDCScope("openid profile email");
  await provider.interactionFinished(request, response, { login: { accountId: account }, consent: { grantId: await grant.save() } });
}

server.on("request", async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname.startsWith("/next/")) {
    account = decodeURIComponent(pathname.slice("/next/".length));
    response.end();
  } else if (pathname.startsWith("/interaction/")) {
    await agree(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    oidc(request, response);
  }
});

process.stdout.write(`${JSON.stringify({ issuer })}\n`);
for await (const _ of process.stdin);
process.exit(0);
