/** The people every emulator starts with, and what to say about them. */

import type { Directory } from "./directory.ts";
import type { User } from "./entities.ts";

/**
 * Fills a directory with one person for each case a sign-in has to deal with.
 *
 * @param directory an empty directory.
 */
export function seedDirectory(directory: Directory): void {
  directory.setPermissions("admin", ["members:read"]);
  directory.setPermissions("member", []);
  directory.addOrganization("org_acme", "Acme");
  directory.addOrganization("org_globex", "Globex");

  // An administrator, who can also come through her company's identity provider.
  directory.addUser({
    id: "user_alice",
    email: "alice@acme.test",
    firstName: "Alice",
    lastName: "Archer",
  });
  directory.addMembership("user_alice", "org_acme", "admin");
  directory.addConnection({
    id: "conn_acme",
    organizationId: "org_acme",
    name: "Acme SSO",
    userIds: ["user_alice"],
  });

  // A member without permissions.
  directory.addUser({
    id: "user_bob",
    email: "bob@acme.test",
    firstName: "Bob",
    lastName: "Baker",
  });
  directory.addMembership("user_bob", "org_acme", "member");

  // A member of two organizations, who has to choose.
  directory.addUser({
    id: "user_carol",
    email: "carol@globex.test",
    firstName: "Carol",
    lastName: "Cooper",
  });
  directory.addMembership("user_carol", "org_acme", "member");
  directory.addMembership("user_carol", "org_globex", "member");

  // Nobody's member.
  directory.addUser({
    id: "user_dave",
    email: "dave@solo.test",
    firstName: "Dave",
    lastName: "Dyer",
  });

  // A member whose e-mail address WorkOS has not verified.
  directory.addUser({
    id: "user_erin",
    email: "erin@acme.test",
    firstName: "Erin",
    lastName: "Ellis",
    emailVerified: false,
  });
  directory.addMembership("user_erin", "org_acme", "member");
}

/**
 * What tells a person apart from the others, in a few words.
 *
 * @param user the person.
 * @param directory where the person is.
 */
export function describeUser(user: User, directory: Directory): string {
  const memberships = directory.listActiveMemberships(user.id)
    .map((membership) => `${membership.role.slug} of ${membership.organization_name}`);
  const parts = memberships.length > 0 ? memberships : ["no organization"];
  return [...parts, ...user.email_verified ? [] : ["e-mail not verified"]].join(", ");
}
