/** SSO connections, and whom the identity providers behind them know. */

import { type Connection, createConnection, type NewConnection, type User } from "./entities.ts";
import { findOrRefuse } from "./errors.ts";

/** The connections of all organizations. They come and go without an event. */
export class Connections {
  readonly #connections = new Map<string, Connection>();
  readonly #users = new Map<string, ReadonlySet<string>>();

  /**
   * Adds an active connection.
   *
   * @param timestamp ISO 8601.
   */
  add(connection: NewConnection, timestamp: string): void {
    this.#connections.set(connection.id, createConnection(connection, timestamp));
    this.#users.set(connection.id, new Set(connection.userIds));
  }

  /**
   * The connection with this id.
   *
   * @throws {RefusalError} `entity_not_found`.
   */
  get(id: string): Connection {
    return findOrRefuse(this.#connections, "Connection", id);
  }

  /** Every connection. */
  list(): Connection[] {
    return [...this.#connections.values()];
  }

  /** Whether the identity provider behind a connection knows a user. */
  knows(connection: Connection, user: User): boolean {
    return this.#users.get(connection.id)?.has(user.id) ?? false;
  }

  /** Deletes the connections of an organization. */
  removeByOrganization(organizationId: string): void {
    for (const { id, organization_id } of this.list()) {
      if (organization_id === organizationId) this.#connections.delete(id);
    }
  }
}
