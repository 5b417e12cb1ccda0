/** A map that forgets: what nobody ever fetches must not pile up. */

/** A map whose entries all live equally long. */
export class ExpiringMap<Value> {
  readonly #entries = new Map<string, { value: Value; expiresAt: number }>();

  /**
   * @param lifetime of an entry, in milliseconds.
   * @param now clock, in milliseconds.
   */
  constructor(private readonly lifetime: number, private readonly now: () => number) {}

  /** Adds an entry under a key never used before. */
  add(key: string, value: Value): void {
    this.#dropExpired();
    this.#entries.set(key, { value, expiresAt: this.now() + this.lifetime });
  }

  /** The value, unless it was never there or has expired. */
  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > this.now() ? entry.value : undefined;
  }

  /** Gets and removes in one step: who comes second finds nothing. */
  take(key: string): Value | undefined {
    const value = this.get(key);
    this.#entries.delete(key);
    return value;
  }

  /** Every value that has not expired, the oldest first. */
  values(): Value[] {
    this.#dropExpired();
    return Array.from(this.#entries.values(), (entry) => entry.value);
  }

  /** With one lifetime for all, insertion order is expiry order: the first live entry ends it. */
  #dropExpired(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt > this.now()) return;
      this.#entries.delete(key);
    }
  }
}
