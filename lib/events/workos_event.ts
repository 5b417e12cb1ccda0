/** What WorkOS reports, and what it means for who has access. */

import * as z from "zod";

/** One event, as a webhook brings it and the Events API lists it. Its members differ by its name. */
const EVENT = z.looseObject({
  id: z.string().regex(/^event_\w+$/),
  event: z.string(),
  data: z.looseObject({}),
  created_at: z.iso.datetime({ offset: true }),
});

/** An event of WorkOS. */
export type WorkOSEvent = z.infer<typeof EVENT>;

/** Reads an event; undefined for what is none. */
export function readEvent(value: unknown): WorkOSEvent | undefined {
  return EVENT.safeParse(value).data;
}

/** Whose grants an event concerns, and what becomes of them. All that is given has to match. */
export interface AccessChange {
  /** `event_…` */
  id: string;
  /** Name of the event. */
  event: string;
  /** `renew`: WorkOS is asked again before the next request. */
  effect: "end" | "renew";
  /** Grants made later stay, in epoch milliseconds; absent for what cannot come back. */
  before?: number;
  sessionId?: string;
  userId?: string;
  /** Of the person: directories know nobody by the id of WorkOS's user. Secret. */
  emails?: string[];
  organizationId?: string;
  /** A renewal that concerns all there are. */
  everybody?: true;
  /** Whether what ends has to end at WorkOS as well; otherwise it has, or goes on there. */
  endsSession?: true;
}

/**
 * Difference between WorkOS's clock and this machine's that must not save a grant, in milliseconds.
 * Who comes back within this time may have to sign in once more.
 */
const MAX_SKEW = 30_000;

const ID = z.object({ id: z.string().min(1) });
const MEMBERSHIP = z.object({
  user_id: z.string().min(1),
  organization_id: z.string().min(1),
  status: z.string(),
});
const DIRECTORY_USER = z.object({
  organization_id: z.string().min(1).nullish(),
  state: z.string(),
  email: z.string().nullish(),
  // As older directories have it.
  emails: z.array(z.object({ value: z.string().nullish() })).nullish(),
});
const GROUP_MEMBER = z.object({
  user: DIRECTORY_USER,
  group: z.object({ organization_id: z.string().min(1).nullish() }),
});
const OF_ORGANIZATION = z.object({ organization_id: z.string().min(1) });

type Effect = Omit<AccessChange, "id" | "event">;

/**
 * What each event does. Every one stands for itself, so that it does not matter in which order they
 * arrive, or how often: what ends, ends up to the moment of the event, and what is renewed is asked
 * anew at WorkOS.
 */
const EFFECTS: Readonly<Record<string, (data: unknown, at: number) => Effect | undefined>> = {
  "session.revoked": (data) => {
    const session = ID.safeParse(data).data;
    return session && { effect: "end", sessionId: session.id };
  },
  "user.updated": (data) => {
    const user = ID.safeParse(data).data;
    return user && { effect: "renew", userId: user.id };
  },
  "user.deleted": (data) => {
    const user = ID.safeParse(data).data;
    return user && { effect: "end", userId: user.id };
  },
  "organization_membership.updated": (data, at) =>
    readMembership(data, at, (status) => status !== "active"),
  "organization_membership.deleted": (data, at) => readMembership(data, at, () => true),
  "organization.deleted": (data) => {
    const organization = ID.safeParse(data).data;
    return organization && { effect: "end", organizationId: organization.id };
  },
  // Roles of the environment, and what they may do, in whichever organization.
  "role.updated": renewEverybody,
  "role.deleted": renewEverybody,
  "permission.updated": renewEverybody,
  "permission.deleted": renewEverybody,
  "organization_role.updated": renewOrganization,
  "organization_role.deleted": renewOrganization,
  "dsync.activated": renewOrganization,
  // One event for all people of the directory; their memberships stay.
  "dsync.deleted": (data, at) => {
    const directory = OF_ORGANIZATION.safeParse(data).data;
    return directory &&
      { effect: "end", organizationId: directory.organization_id, before: at + MAX_SKEW };
  },
  "dsync.user.updated": (data, at) => readDirectoryUser(data, at, (state) => state !== "active"),
  "dsync.user.deleted": (data, at) => readDirectoryUser(data, at, () => true),
  // Groups may stand for roles.
  "dsync.group.user_added": renewGroupMember,
  "dsync.group.user_removed": renewGroupMember,
  "dsync.group.updated": renewOrganization,
  "dsync.group.deleted": renewOrganization,
};

/** Names of the events that change who has access; the others need not be sent here. */
export const ACCESS_EVENTS: readonly string[] = Object.keys(EFFECTS);

/**
 * Says what an event means for who has access.
 *
 * @returns `nothing` for an event that means nothing for it, `unreadable` for one that does, and whose
 *   members are not those that are known.
 */
export function readAccessChange(
  { id, event, data, created_at }: WorkOSEvent,
): AccessChange | "nothing" | "unreadable" {
  const read = Object.hasOwn(EFFECTS, event) ? EFFECTS[event] : undefined;
  if (!read) return "nothing";
  const effect = read(data, Date.parse(created_at));
  return effect ? { id, event, ...effect } : "unreadable";
}

function readMembership(
  data: unknown,
  at: number,
  isOver: (status: string) => boolean,
): Effect | undefined {
  const membership = MEMBERSHIP.safeParse(data).data;
  if (!membership) return undefined;
  const { user_id: userId, organization_id: organizationId, status } = membership;
  return isOver(status)
    ? { effect: "end", userId, organizationId, before: at + MAX_SKEW, endsSession: true }
    : { effect: "renew", userId, organizationId };
}

function readDirectoryUser(
  data: unknown,
  at: number,
  isOver: (state: string) => boolean,
): Effect | undefined {
  const user = DIRECTORY_USER.safeParse(data).data;
  if (!user) return undefined;
  const { organization_id: organizationId, state } = user;
  const person = { emails: readEmails(user), ...(organizationId && { organizationId }) };
  // A directory of no organization says nothing about any.
  return isOver(state) && organizationId
    ? { effect: "end", ...person, before: at + MAX_SKEW, endsSession: true }
    : { effect: "renew", ...person };
}

function renewGroupMember(data: unknown): Effect | undefined {
  const member = GROUP_MEMBER.safeParse(data).data;
  if (!member) return undefined;
  const { user, group } = member;
  const organizationId = user.organization_id ?? group.organization_id;
  return { effect: "renew", emails: readEmails(user), ...(organizationId && { organizationId }) };
}

function renewEverybody(): Effect {
  return { effect: "renew", everybody: true };
}

function renewOrganization(data: unknown): Effect | undefined {
  const part = OF_ORGANIZATION.safeParse(data).data;
  return part && { effect: "renew", organizationId: part.organization_id };
}

function readEmails({ email, emails }: z.infer<typeof DIRECTORY_USER>): string[] {
  const all = [email, ...(emails ?? []).map(({ value }) => value)];
  return [...new Set(all.flatMap((address) => address ? [address] : []))];
}
