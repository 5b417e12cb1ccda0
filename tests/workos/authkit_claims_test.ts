/** What an access token of AuthKit has to say, and what is answered and logged when it does not. */

import assert from "node:assert/strict";
import {
  type AuthKitWorld,
  createAuthKitWorld,
  readRefusal,
  signInAtAuthKit,
} from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool } from "../support/oauth_client.ts";
import { ENVIRONMENT, PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { SERVER } from "../support/world.ts";

const RESOURCE = `${SERVER}/mcp`;
const OTHER_RESOURCE = "https://other.example/mcp";

/** Claims that are otherwise than AuthKit makes them, at a moment in seconds. */
type Change = (seconds: number) => Record<string, unknown>;

async function issueChanged(world: AuthKitWorld, change: Change): Promise<string> {
  return await world.issue(change(Math.floor(world.now() / 1000)));
}

const ACCEPTED: [string, Change][] = [
  ["as AuthKit describes it", () => ({})],
  ["for this server among others", () => ({ aud: [OTHER_RESOURCE, RESOURCE] })],
  ["that names no consent", () => ({ sid: undefined })],
  ["of a person without an organization", () => ({ org_id: undefined })],
  ["that does not say its age", () => ({ iat: undefined })],
  // Clocks differ; 30 seconds are let pass.
  ["that ran out a moment ago", (seconds) => ({ exp: seconds - 29 })],
  ["that AuthKit issues in a moment", (seconds) => ({ iat: seconds + 30, nbf: seconds + 30 })],
];
for (const [what, change] of ACCEPTED) {
  testNeeding(PROVIDER_NEEDS, `an access token ${what} is accepted, again and again`, async () => {
    await using world = await createAuthKitWorld();
    const token = await issueChanged(world, change);
    for (let time = 0; time < 2; time++) {
      const response = await callTool(world, token, "whoami");
      assert.equal(response.status, 200);
      assert.equal((await response.json()).result.structuredContent.user_id, "user_alice");
    }
  });
}

const REFUSED: [string, Change, RegExp][] = [
  [
    "of another issuer",
    () => ({ iss: "https://evil.example" }),
    /its issuer is https:\/\/evil\.example, expected http:\/\/127\.0\.0\.1:\d+\.$/,
  ],
  ["without an issuer", () => ({ iss: undefined }), /its issuer is undefined/],
  ["for nobody", () => ({ aud: undefined }), /is for nobody, not for/],
  ["for a list of nobody", () => ({ aud: [] }), /is for nobody, not for/],
  ["for this server with a slash more", () => ({ aud: `${RESOURCE}/` }), /mcp\/, not for/],
  ["for this server's origin", () => ({ aud: SERVER }), /is for http:\/\/localhost:8000, not for/],
  ["that has expired", (seconds) => ({ exp: seconds - 30 }), /has expired/],
  // fastmcp 61f3feec6: an expiry of 0 counted as none, and none as for ever.
  ["that expired in 1970", () => ({ exp: 0 }), /has expired/],
  ["without an expiry", () => ({ exp: undefined }), /\(exp\)/],
  ["whose expiry is no number", () => ({ exp: "4e9" }), /\(exp\)/],
  ["from the future", (seconds) => ({ iat: seconds + 31 }), /from the future/],
  ["that is not valid yet", (seconds) => ({ nbf: seconds + 31 }), /from the future/],
  ["of nobody", () => ({ sub: undefined }), /\(sub\)/],
  ["of no client", () => ({ client_id: undefined }), /\(client_id\)/],
  ["of a client that is no text", () => ({ client_id: 1 }), /its claims are not those/],
];
for (const [what, change, description] of REFUSED) {
  testNeeding(
    PROVIDER_NEEDS,
    `a token ${what} is 401 invalid_token, and it is said why (RS-4 to RS-8)`,
    async () => {
      await using world = await createAuthKitWorld();
      const response = await callTool(world, await issueChanged(world, change), "whoami");
      const refusal = readRefusal(response);
      assert.match(refusal.description, description);
      assert.deepEqual([refusal.status, refusal.error], [401, "invalid_token"]);
      const body = { error: "invalid_token", error_description: refusal.description };
      assert.deepEqual(await response.json(), body);
    },
  );
}

const AUDIENCES: [string, string | undefined, string][] = [
  ["of another resource", OTHER_RESOURCE, OTHER_RESOURCE],
  ["of a resource that AuthKit does not know", "https://unknown.example", ENVIRONMENT],
  ["that was asked for without a resource", undefined, ENVIRONMENT],
];
for (const [what, asked, actual] of AUDIENCES) {
  testNeeding(
    PROVIDER_NEEDS,
    `for a token ${what}, answer and log name the audience it has and the one it needs`,
    async () => {
      await using world = await createAuthKitWorld({}, [OTHER_RESOURCE]);
      const { tokens } = await signInAtAuthKit(world, asked);
      const refusal = readRefusal(await callTool(world, tokens.access_token, "whoami"));
      assert.deepEqual(refusal, {
        status: 401,
        error: "invalid_token",
        description:
          `The access token is for ${actual}, not for ${RESOURCE}. Ask for it with the ` +
          "parameter resource; if you do, AuthKit does not know this resource.",
      });
      const [warning, ...more] = readWarnings(world);
      assert.deepEqual([warning?.expected, warning?.actual, more.length], [RESOURCE, actual, 0]);
      assert.match(
        warning?.message ?? "",
        /Enter exactly http:\/\/localhost:8000\/mcp as resource/,
      );
      const isEnvironment = /no resource indicator.*or the MCP client did not ask/;
      assert.equal(isEnvironment.test(warning?.message ?? ""), actual === ENVIRONMENT);
    },
  );
}

/** What is logged about wrong audiences. */
function readWarnings({ logs }: AuthKitWorld): Record<string, string>[] {
  return logs.map((line) => JSON.parse(line)).filter(({ message, level }) =>
    message === "wrong_audience" && level === "WARN"
  ).map(({ properties }) => properties);
}

testNeeding(PROVIDER_NEEDS, "a wrong audience is logged once a minute", async () => {
  await using world = await createAuthKitWorld();
  const countAfter = async (...audiences: string[]): Promise<number> => {
    for (const aud of audiences) {
      assert.equal((await callTool(world, await world.issue({ aud }), "whoami")).status, 401);
    }
    return readWarnings(world).length;
  };
  assert.equal(await countAfter(ENVIRONMENT, ENVIRONMENT, ENVIRONMENT), 1);
  assert.equal(await countAfter(OTHER_RESOURCE, ENVIRONMENT), 2);
  world.advance(59_999);
  assert.equal(await countAfter(ENVIRONMENT), 2);
  world.advance(1);
  assert.equal(await countAfter(ENVIRONMENT), 3);
});

testNeeding(
  PROVIDER_NEEDS,
  "what a token claims cannot break out of the challenge that repeats it",
  async () => {
    await using world = await createAuthKitWorld();
    for (const claim of ["aud", "iss"]) {
      const token = await world.issue({ [claim]: `x", scope="ä\\\r\nset-cookie: a=b` });
      const refusal = readRefusal(await callTool(world, token, "whoami"));
      assert.deepEqual([refusal.status, refusal.error], [401, "invalid_token"]);
      assert.match(refusal.description, / x', scope='''''set-cookie: a=b, /);
    }
  },
);
