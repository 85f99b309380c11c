// Errors of the operating system in the words of Go's library, which scripts may read.
import { errorText } from "#base/errors.ts";

/** What Go says of `error`; `ofFolder` for what is a folder, which depends on the call. */
export function systemText(error: unknown, ofFolder: string): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "no such file or directory";
    case "EACCES":
      return "permission denied";
    case "ENOTDIR":
      return "not a directory";
    case "EISDIR":
      return ofFolder;
    case "ENOSPC":
      return "no space left on device";
    case "EROFS":
      return "read-only file system";
    default:
      return errorText(error);
  }
}
