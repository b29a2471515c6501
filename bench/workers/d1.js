// A D1 between the Worker and the real one: `after` gets every result before the Worker does.

/** As the binding is called, which the Worker checks. */
export class D1Database {
  constructor(database, after) {
    this.database = database;
    this.after = after;
  }
  prepare(sql) {
    return new D1PreparedStatement(this.database.prepare(sql), this.after);
  }
  async batch(prepared) {
    const results = await this.database.batch(prepared.map((one) => one.prepared));
    await this.after(results);
    return results;
  }
}

class D1PreparedStatement {
  constructor(prepared, after) {
    this.prepared = prepared;
    this.after = after;
  }
  bind(...values) {
    return new D1PreparedStatement(this.prepared.bind(...values), this.after);
  }
  async all() {
    const result = await this.prepared.all();
    await this.after([result]);
    return result;
  }
}
