/**
 * Directory Sync: what an organization's own directory (SCIM) says about its people. It is a product
 * of its own beside users and memberships, which change only if somebody acts on its events.
 */

import type {
  DirectoryGroupResponse,
  DirectoryUserResponse,
  EventDirectoryResponse,
} from "@workos-inc/node";
import type { Organization } from "./entities.ts";
import { findOrRefuse } from "./errors.ts";
import type { EventLog } from "./event_log.ts";

/** A directory as the events show it. */
export type SyncedDirectory = EventDirectoryResponse & { organization_id: string };

/** Somebody in a directory. Nothing but the e-mail address connects them with a user. */
export type DirectoryUser = DirectoryUserResponse & {
  emails: { primary: boolean; type: "work"; value: string }[];
};

/** A group in a directory. */
export type DirectoryGroup = DirectoryGroupResponse & { object: "directory_group" };

/** What a directory says of somebody; `inactive` is somebody suspended. */
export type DirectoryUserFields = Pick<
  DirectoryUser,
  "email" | "first_name" | "last_name" | "state"
>;

/** The directories of all organizations. Operations refuse ids that do not exist. */
export class DirectorySync {
  readonly #directories = new Map<string, SyncedDirectory>();
  readonly #users = new Map<string, DirectoryUser>();
  readonly #groups = new Map<string, DirectoryGroup>();

  /**
   * @param events where changes are noted.
   * @param now clock, in milliseconds.
   * @param newId makes the random part of ids.
   */
  constructor(
    private readonly events: EventLog,
    private readonly now: () => number,
    private readonly newId: () => string,
  ) {}

  /** Connects a directory with an organization. */
  activate(organization: Organization): SyncedDirectory {
    const directory: SyncedDirectory = {
      object: "directory",
      id: `directory_${this.newId()}`,
      external_key: this.newId(),
      type: "generic scim v2.0",
      state: "active",
      name: `${organization.name} Directory`,
      organization_id: organization.id,
      domains: [],
      ...this.#timestamps(),
    };
    this.#directories.set(directory.id, directory);
    this.events.append("dsync.activated", directory);
    return directory;
  }

  /** Disconnects a directory. Its people and groups go with it and without events of their own. */
  delete(directoryId: string): void {
    const directory = findOrRefuse(this.#directories, "Directory", directoryId);
    this.#directories.delete(directoryId);
    for (const entities of [this.#users, this.#groups]) {
      for (const entity of entities.values()) {
        if (entity.directory_id === directoryId) entities.delete(entity.id);
      }
    }
    const { domains: _domains, external_key: _key, ...rest } = directory;
    this.events.append("dsync.deleted", rest);
  }

  /** Disconnects the directories of an organization. */
  deleteByOrganization(organizationId: string): void {
    for (const { id, organization_id } of this.#directories.values()) {
      if (organization_id === organizationId) this.delete(id);
    }
  }

  /** Adds somebody, active unless told. */
  addUser(directoryId: string, fields: Partial<DirectoryUserFields>): DirectoryUser {
    const { organization_id } = findOrRefuse(this.#directories, "Directory", directoryId);
    const user: DirectoryUser = {
      object: "directory_user",
      id: `directory_user_${this.newId()}`,
      directory_id: directoryId,
      organization_id,
      idp_id: this.newId(),
      email: null,
      first_name: null,
      last_name: null,
      state: "active",
      ...fields,
      emails: listEmails(fields.email),
      custom_attributes: {},
      raw_attributes: {},
      ...this.#timestamps(),
    };
    this.#users.set(user.id, user);
    this.events.append("dsync.user.created", user);
    return user;
  }

  /** Changes what a directory says of somebody. */
  updateUser(userId: string, changes: Partial<DirectoryUserFields>): void {
    const user = findOrRefuse(this.#users, "DirectoryUser", userId);
    const previous = Object.entries(user).filter(([name]) => name in changes);
    Object.assign(user, changes, { updated_at: this.#timestamp() });
    user.emails = listEmails(user.email);
    const data = { ...user, previous_attributes: Object.fromEntries(previous) };
    this.events.append("dsync.user.updated", data);
  }

  /** Deletes somebody. Most environments do so as soon as a directory suspends them. */
  deleteUser(userId: string): void {
    const user = findOrRefuse(this.#users, "DirectoryUser", userId);
    this.#users.delete(userId);
    this.events.append("dsync.user.deleted", user);
  }

  /** Adds a group. */
  addGroup(directoryId: string, name: string): DirectoryGroup {
    const { organization_id } = findOrRefuse(this.#directories, "Directory", directoryId);
    const group: DirectoryGroup = {
      object: "directory_group",
      id: `directory_group_${this.newId()}`,
      idp_id: this.newId(),
      directory_id: directoryId,
      organization_id,
      name,
      raw_attributes: {},
      ...this.#timestamps(),
    };
    this.#groups.set(group.id, group);
    this.events.append("dsync.group.created", group);
    return group;
  }

  /** Puts somebody into a group. */
  addToGroup(groupId: string, userId: string): void {
    this.events.append("dsync.group.user_added", this.#describeMember(groupId, userId));
  }

  /** Takes somebody out of a group. */
  removeFromGroup(groupId: string, userId: string): void {
    this.events.append("dsync.group.user_removed", this.#describeMember(groupId, userId));
  }

  /** Deletes a group. */
  deleteGroup(groupId: string): void {
    const group = findOrRefuse(this.#groups, "DirectoryGroup", groupId);
    this.#groups.delete(groupId);
    this.events.append("dsync.group.deleted", group);
  }

  #describeMember(groupId: string, userId: string) {
    const group = findOrRefuse(this.#groups, "DirectoryGroup", groupId);
    const user = findOrRefuse(this.#users, "DirectoryUser", userId);
    return { directory_id: group.directory_id, user, group };
  }

  #timestamp(): string {
    return new Date(this.now()).toISOString();
  }

  #timestamps(): { created_at: string; updated_at: string } {
    return { created_at: this.#timestamp(), updated_at: this.#timestamp() };
  }
}

function listEmails(email: string | null | undefined): DirectoryUser["emails"] {
  return email ? [{ primary: true, type: "work", value: email }] : [];
}
