/** What a tool learns from the claims of an access token, where a JWT template has added them. */

import assert from "node:assert/strict";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { createAuthKitWorld } from "../support/authkit_world.ts";
import { createConnectWorld, RUN_OUT } from "../support/connect_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";

/** One tool, which gives its caller away. */
const definition: McpDefinition = {
  name: "test",
  version: "1",
  register(server, caller) {
    server.registerTool("tell", {}, async () => ({
      content: [{ type: "text", text: JSON.stringify(await caller.readIdentity()) }],
    }));
  },
};

type World = Parameters<typeof callTool>[0];

async function tell(world: World, token: string): Promise<Record<string, unknown>> {
  const response = await callTool(world, token, "tell");
  assert.equal(response.status, 200);
  return JSON.parse((await response.json()).result.content[0].text);
}

const CLAIMS = {
  org_id: "org_acme",
  role: "admin",
  roles: ["admin", "member"],
  permissions: ["reports:read"],
  entitlements: ["mcp"],
  feature_flags: ["beta"],
  act: { sub: "support@workos.test" },
};

const IDENTITY = {
  organizationId: "org_acme",
  role: "admin",
  roles: ["admin", "member"],
  permissions: ["reports:read"],
  entitlements: ["mcp"],
  featureFlags: ["beta"],
  impersonator: "support@workos.test",
};

const NOTHING = {
  org_id: null,
  role: null,
  roles: null,
  permissions: null,
  entitlements: null,
  feature_flags: null,
  act: null,
};

const NOBODY = { roles: [], permissions: [], entitlements: [], featureFlags: [] };

/** The part of an identity that such claims are about. */
function pick(identity: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(identity).filter(([name]) => name in IDENTITY));
}

testNeeding(
  PROVIDER_NEEDS,
  "with a Connect application a tool learns what WorkOS says, the impersonator as well",
  async () => {
    await using world = await createConnectWorld({}, {}, { definition });
    Object.assign(world.provider.claims, CLAIMS);
    const { tokens } = await signIn(world);
    assert.deepEqual(pick(await tell(world, tokens.access_token)), IDENTITY);
    const created = world.logs.map((line) => JSON.parse(line))
      .find(({ message }) => message === "grant_created");
    assert.equal(created.properties.impersonated, true);

    const { org_id: _, ...rest } = NOTHING;
    Object.assign(world.provider.claims, rest);
    world.advance(RUN_OUT);
    const { organizationId, ...renewed } = pick(await tell(world, tokens.access_token));
    assert.equal(organizationId, "org_acme");
    assert.deepEqual(renewed, NOBODY);
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "with AuthKit's own tokens a tool learns what they say, the impersonator as well",
  async () => {
    await using world = await createAuthKitWorld({}, [], definition);
    assert.deepEqual(pick(await tell(world, await world.issue(CLAIMS))), IDENTITY);
    assert.deepEqual(pick(await tell(world, await world.issue(NOTHING))), NOBODY);
  },
);
