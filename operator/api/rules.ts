// Evaluates the CEL rules of a schema as the API server does: `self`, `oldSelf`, has(), the macros, and
// of Kubernetes' own functions quantity() with compareTo(). A rule that uses another one fails a test.
import { Environment } from "@marcbachmann/cel-js";
import { parseQuantity } from "#operator/api/quantity.ts";

class Quantity {
  readonly amount: number;

  constructor(text: string) {
    const amount = parseQuantity(text);
    if (amount === undefined) throw new Error(`${text} is no quantity`);
    this.amount = amount;
  }
}

const environment = new Environment({ unlistedVariablesAreDyn: true })
  .registerType("Quantity", Quantity)
  .registerFunction("quantity(string): Quantity", (text: string) => new Quantity(text))
  .registerFunction("Quantity.compareTo(Quantity): int", (a: Quantity, b: Quantity) =>
    BigInt(Math.sign(a.amount - b.amount)),
  );

const parsed = new Map<string, ReturnType<Environment["parse"]>>();

/** Whether a rule is about changes, so that it is not evaluated when something is new. */
export function isTransition(rule: string): boolean {
  return /\boldSelf\b/.test(rule);
}

/** Whether `rule` holds. An expression that cannot be evaluated does not, as in the API server. */
export function holds(rule: string, self: unknown, oldSelf: unknown): boolean {
  let expression = parsed.get(rule);
  if (expression === undefined) {
    expression = environment.parse(rule);
    parsed.set(rule, expression);
  }
  try {
    return expression({ self, oldSelf }) === true;
  } catch {
    return false;
  }
}
