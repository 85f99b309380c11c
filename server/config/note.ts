// What reading the configuration has to say before there is a log.

/** Something to log once there is a log. */
export interface ConfigNote {
  readonly level: "info" | "warn" | "fatal";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
