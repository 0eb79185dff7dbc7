// The tables of an object that are made at its first write: one that was only asked leaves nothing behind.

export class Rows {
  #storage;
  #tables;
  #areThere;

  /** `tables`: statements that make them; `one`: the name of one of them. */
  constructor(storage, tables, one) {
    this.#storage = storage;
    this.#tables = tables;
    this.#areThere = this.#exec("SELECT 1 FROM sqlite_master WHERE name=?", one).length > 0;
  }

  /** Whether there are no tables yet: nothing was ever written. */
  get areMissing() {
    return !this.#areThere;
  }

  #exec(query, ...values) {
    return this.#storage.sql.exec(query, ...values).toArray();
  }

  /** None where there are no tables. */
  read(query, ...values) {
    return this.#areThere ? this.#exec(query, ...values) : [];
  }

  /** Changes what is there; nothing where there are no tables. */
  change(query, ...values) {
    return this.read(query, ...values);
  }

  /** Adds a row: the tables are made if need be. */
  add(query, ...values) {
    if (!this.#areThere) this.#storage.sql.exec(this.#tables);
    this.#areThere = true;
    return this.#exec(query, ...values);
  }

  /** Forgets everything, the alarm too. All of it takes effect here and now; only its writing is waited for. */
  async clear() {
    const done = [this.#storage.deleteAlarm(), this.#storage.deleteAll()];
    this.#areThere = false;
    await Promise.all(done);
  }
}
