/** Who is let in with a token of AuthKit, and what tools they get. */

import assert from "node:assert/strict";
import { type AuthKitWorld, createAuthKitWorld, readRefusal } from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool } from "../support/oauth_client.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { SERVER } from "../support/world.ts";
import { send } from "../mcp/support.ts";

const API = { WORKOS_CLIENT_ID: "client_emulator", WORKOS_API_KEY: "sk_test_emulator" };

const SCOPES: [string, string, string | undefined, string][] = [
  ["openid profile email", "openid profile", "email", "openid profile email"],
  ["openid reports:read audit:read", "openid", "reports:read audit:read", ""],
  ["openid offline_access", "openid", "offline_access", "openid"],
  ["openid reports:read", "openid reports:*", undefined, ""],
  ["openid", "profile", "openid", "openid"],
  ["openid", "", "openid", "openid"],
];
for (const [required, granted, missing, challenged] of SCOPES) {
  testNeeding(
    PROVIDER_NEEDS,
    `where ${required} is required, a token with "${granted}" is ${
      missing ? "403 insufficient_scope, with all of them" : "enough"
    } (RS-17, RS-19, RS-21)`,
    async () => {
      await using world = await createAuthKitWorld({ WORKOS_REQUIRED_SCOPES: required });
      const response = await callTool(world, await world.issue({ scope: granted }), "whoami");
      if (missing === undefined) return assert.equal(response.status, 200);
      assert.deepEqual(readRefusal(response), {
        status: 403,
        error: "insufficient_scope",
        description: `The token lacks: ${missing}`,
      });
      const challenge = response.headers.get("www-authenticate") ?? "";
      assert.ok(challenge.includes(` scope="${challenged || required}", `), challenge);
      const unknown = await world.issue({ scope: undefined });
      assert.equal(readRefusal(await callTool(world, unknown, "whoami")).status, 403);
    },
  );
}

const POLICIES: [string, Record<string, string>, Record<string, unknown>, RegExp | null][] = [
  ["of the configured organization", { WORKOS_ORGANIZATION_ID: "org_acme" }, {}, null],
  [
    "of another organization",
    { WORKOS_ORGANIZATION_ID: "org_acme" },
    { org_id: "org_globex" },
    /members of one organization.*sign in again/i,
  ],
  [
    "without an organization",
    { WORKOS_ORGANIZATION_ID: "org_acme" },
    { org_id: undefined },
    /members of one organization/,
  ],
  ["who meets a claim", { WORKOS_REQUIRED_CLAIMS: `{"plan":"pro"}` }, { plan: "pro" }, null],
  [
    "who does not meet a claim",
    { WORKOS_REQUIRED_CLAIMS: `{"plan":"pro"}` },
    { plan: "free" },
    /Ask your administrator\. \(WorkOS claim: plan\)/,
  ],
  [
    "who acts for somebody else where nobody may",
    { WORKOS_REQUIRED_CLAIMS: `{"act":null}` },
    { act: { sub: "support@workos.test" } },
    /Sign in as yourself/,
  ],
];
for (const [who, env, claims, reason] of POLICIES) {
  testNeeding(
    PROVIDER_NEEDS,
    `somebody ${who} is ${reason ? "403, and not asked to sign in" : "let in"} (RS-11)`,
    async () => {
      await using world = await createAuthKitWorld(env);
      const token = await world.issue(claims);
      for (let time = 0; time < 2; time++) {
        const response = await callTool(world, token, "whoami");
        if (reason === null) return assert.equal(response.status, 200);
        assert.equal(response.status, 403);
        assert.equal(response.headers.get("www-authenticate"), null);
        const { error, error_description } = await response.json();
        assert.equal(error, "access_denied");
        assert.match(error_description, reason);
      }
      assert.match(world.logs.join(""), /"caller_refused".*"user_alice"/);
    },
  );
}

testNeeding(PROVIDER_NEEDS, "claims of a JWT template are told about the caller", async () => {
  await using world = await createAuthKitWorld();
  const token = await world.issue({
    email: "alice@acme.test",
    email_verified: true,
    name: "Alice Adams",
    role: "admin",
    permissions: ["members:read"],
    act: { sub: "support@workos.test" },
  });
  assert.deepEqual((await use(world, token, "whoami")).structuredContent, {
    user_id: "user_alice",
    name: "Alice Adams",
    email: "alice@acme.test",
    email_verified: true,
    organization_id: "org_acme",
    role: "admin",
    roles: ["admin"],
    permissions: ["members:read"],
    impersonator: "support@workos.test",
    client_id: "client_mcp",
    scopes: ["openid", "profile", "email", "offline_access"],
  });
});

/** Result of a tool. */
async function use(
  world: AuthKitWorld,
  token: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const response = await callTool(world, token, name, args);
  assert.equal(response.status, 200);
  return (await response.json()).result;
}

testNeeding(
  PROVIDER_NEEDS,
  "list_members is there for those alone whose token brings the permission",
  async () => {
    await using world = await createAuthKitWorld(API);
    const listTools = async (token: string): Promise<string[]> => {
      const { result } = await (await send(world, token, { method: "tools/list" })).json();
      return result.tools.map(({ name }: { name: string }) => name);
    };
    const everybody = ["echo", "whoami", "list_organizations", "switch_organization"];
    const plain = await world.issue();
    assert.deepEqual(await listTools(plain), everybody);
    const refused = await callTool(world, plain, "list_members");
    assert.match((await refused.json()).error.message, /list_members/);
    const allowed = await world.issue({ permissions: ["members:read"] });
    assert.deepEqual(await listTools(allowed), [...everybody, "list_members"]);
    const { structuredContent } = await use(world, allowed, "list_members");
    assert.match(JSON.stringify(structuredContent), /"bob@acme\.test"/);
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "the organization cannot be switched, and it is said what can be done",
  async () => {
    await using world = await createAuthKitWorld(API);
    const token = await world.issue();
    const args = { organization_id: "org_globex" };
    const { isError, content } = await use(world, token, "switch_organization", args);
    assert.equal(isError, true);
    assert.match(JSON.stringify(content), /organization is chosen at the sign-in.*sign in again/);
    const { structuredContent } = await use(world, token, "whoami");
    assert.equal(Object(structuredContent).organization_id, "org_acme");
  },
);

testNeeding(PROVIDER_NEEDS, "with an API key, organizations are listed", async () => {
  await using world = await createAuthKitWorld(API);
  const token = await world.issue({ sub: "user_carol" });
  assert.deepEqual((await use(world, token, "list_organizations")).structuredContent, {
    organizations: [
      { id: "org_acme", name: "Acme", role: "member" },
      { id: "org_globex", name: "Globex", role: "member" },
    ],
    current: "org_acme",
  });
});

testNeeding(
  PROVIDER_NEEDS,
  "without an API key, what needs one says so, and the server is ready all the same",
  async () => {
    await using world = await createAuthKitWorld();
    const token = await world.issue({ permissions: ["members:read"] });
    for (const name of ["list_organizations", "list_members"]) {
      const { isError, content } = await use(world, token, name);
      assert.equal(isError, true);
      assert.match(JSON.stringify(content), /needs the WorkOS API.*WORKOS_API_KEY/);
    }
    assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 200);
  },
);
