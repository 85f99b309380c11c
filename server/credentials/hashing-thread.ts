// The thread that hashes passwords: one job after the other, each answered by its number.
import { parentPort } from "node:worker_threads";
import { hashPassword, passwordMatches } from "./bcrypt.ts";

/** What the thread is asked. */
export type HashingJob =
  | { readonly id: number; readonly password: string; readonly cost: number }
  | { readonly id: number; readonly password: string; readonly hash: string };

/** What it answers: a new hash, or whether the password is that of the hash. */
export interface HashingAnswer {
  readonly id: number;
  readonly result: string | boolean;
}

parentPort?.on("message", (job: HashingJob) => {
  const result =
    "cost" in job ? hashPassword(job.password, job.cost) : passwordMatches(job.password, job.hash);
  const answer: HashingAnswer = { id: job.id, result };
  parentPort?.postMessage(answer);
});
