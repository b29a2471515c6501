// A D1 whose every answer is shown to somebody first, before the Worker gets it.

/** Named as the binding is, which the Worker checks. `answered` gets a list of results, and is waited for. */
export class D1Database {
  constructor(database, answered) {
    this.database = database;
    this.answered = answered;
  }
  prepare(sql) {
    return new D1PreparedStatement(this.database.prepare(sql), this.answered);
  }
  async batch(prepared) {
    const results = await this.database.batch(prepared.map((one) => one.prepared));
    await this.answered(results);
    return results;
  }
}

class D1PreparedStatement {
  constructor(prepared, answered) {
    this.prepared = prepared;
    this.answered = answered;
  }
  bind(...values) {
    return new D1PreparedStatement(this.prepared.bind(...values), this.answered);
  }
  async all() {
    const result = await this.prepared.all();
    await this.answered([result]);
    return result;
  }
}
