// The values of all options while flags, variables and file are read. Pure.
import { assert } from "#base/assert.ts";
import { featureGates } from "./feature-gates.ts";
import { parseGoBool } from "./go-literals.ts";
import type { Support } from "./option-spec.ts";
import {
  findOption,
  ignoredFlags,
  type OldName,
  type OptionName,
  oldNames,
  optionEntries,
  type ValueOf,
} from "./options.ts";
import { type OptionValue, type Parsed, parseValue } from "./values.ts";

/** Values by option, beginning with the defaults, and which of them were given. */
export class Settings {
  readonly #values = new Map<OptionName, OptionValue>();
  readonly #given = new Set<OptionName>();

  constructor() {
    for (const [name, spec] of optionEntries) {
      const parsed = parseValue(spec, spec.default);
      assert(parsed.ok, `default of --${name} does not parse`);
      this.#values.set(name, parsed.value);
    }
  }

  /** The value of one option. */
  get<N extends OptionName>(name: N): ValueOf<N> {
    return this.#values.get(name) as ValueOf<N>;
  }

  /** True if a flag, a variable or the file gave a value. */
  given(name: OptionName): boolean {
    return this.#given.has(name);
  }

  /** Takes a value that is already parsed. */
  set<N extends OptionName>(name: N, value: ValueOf<N>): void {
    this.#values.set(name, value);
    this.#given.add(name);
  }

  /** Parses and takes `text`; returns the reason if it does not parse. Old names are understood. */
  setText(name: string, text: string): string | undefined {
    const old = oldNames.get(name);
    if (old?.gate !== undefined) return this.#setGate(old, text);
    const option = (old?.option ?? name) as OptionName;
    const spec = findOption(option);
    assert(spec !== undefined, `no option ${name}`);
    const parsed: Parsed<OptionValue> = parseValue(spec, text);
    if (!parsed.ok) return parsed.reason;
    this.#values.set(option, parsed.value);
    this.#given.add(option);
    return undefined;
  }

  #setGate(old: OldName & { readonly gate: string }, text: string): string | undefined {
    const value = parseGoBool(text);
    if (value === undefined) return "parse error";
    const gates = new Map(this.get("feature-gates"));
    gates.set(old.gate, value);
    this.set("feature-gates", gates);
    return undefined;
  }

  /** Options and gates that were given a value which asks for something not there yet. */
  refused(): readonly string[] {
    return this.#asking("later");
  }

  /** Options and gates that were given a value which changes nothing here. */
  ineffective(): readonly string[] {
    return this.#asking("inert");
  }

  #asking(support: Support): readonly string[] {
    const asking: string[] = [];
    for (const [name, spec] of optionEntries) {
      if (spec.support !== support || !this.#given.has(name)) continue;
      const byDefault = parseValue(spec, spec.default);
      const asked = JSON.stringify(this.#values.get(name));
      if (!byDefault.ok || JSON.stringify(byDefault.value) !== asked) asking.push(`--${name}`);
    }
    for (const [name, value] of this.get("feature-gates")) {
      const gate = featureGates[name];
      if (gate?.support === support && value !== gate.default) {
        asking.push(`--feature-gates=${name}=${value}`);
      }
    }
    return asking;
  }
}

/** True if `name` may stand on the command line, today's or an old one. */
export function isFlag(name: string): boolean {
  return findOption(name) !== undefined || oldNames.has(name) || ignoredFlags.has(name);
}

/** True if the flag may stand without a value. */
export function isSwitch(name: string): boolean {
  const old = oldNames.get(name);
  if (ignoredFlags.has(name) || old?.gate !== undefined) return true;
  return findOption(old?.option ?? name)?.type === "bool";
}
