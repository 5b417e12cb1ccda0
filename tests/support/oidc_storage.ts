/** What `oidc-provider` keeps, in a map that outlives a change of its keys. */

/** Whatever the provider wants to keep. */
interface Payload extends Record<string, unknown> {
  uid?: string;
  grantId?: string;
  consumed?: number;
}

/**
 * Makes the class of its `adapter` setting. Nothing expires: the provider looks at that itself.
 *
 * @param rows by kind and id; shared by all providers of an issuer.
 */
export function createOidcStorage(rows: Map<string, Payload>): new (kind: string) => unknown {
  return class {
    readonly #kind: string;

    constructor(kind: string) {
      this.#kind = kind;
    }

    #key(id: string): string {
      return `${this.#kind}:${id}`;
    }

    upsert(id: string, payload: Payload): Promise<void> {
      rows.set(this.#key(id), payload);
      return Promise.resolve();
    }

    find(id: string): Promise<Payload | undefined> {
      return Promise.resolve(rows.get(this.#key(id)));
    }

    findByUid(uid: string): Promise<Payload | undefined> {
      return Promise.resolve(rows.values().find((payload) => payload.uid === uid));
    }

    consume(id: string): Promise<void> {
      const payload = rows.get(this.#key(id));
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      return Promise.resolve();
    }

    destroy(id: string): Promise<void> {
      rows.delete(this.#key(id));
      return Promise.resolve();
    }

    revokeByGrantId(grantId: string): Promise<void> {
      for (const [key, payload] of rows) if (payload.grantId === grantId) rows.delete(key);
      return Promise.resolve();
    }
  };
}
