/* A disk that forgets, for tests: kill -9 keeps the page cache, a power cut does not. Preloaded into
 * a member, this notes in a journal how much of each file below FORGET_ROOT has been synced; after
 * the kill the test cuts every file back to that (forget.ts). Journal lines, appended in one write:
 *   S <size> <path>      the file was synced while it had this size
 *   R <old>\t<new>       the file was renamed
 * With FORGET_NO_SYNC=1 a sync of a file whose path matches FORGET_NO_SYNC_MATCH (a shell pattern) is
 * neither done nor noted: the planted fault that the test must find. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int journal = -1;
static const char *root;
static size_t root_length;
static const char *unsynced;

__attribute__((constructor)) static void begin(void) {
  root = getenv("FORGET_ROOT");
  const char *path = getenv("FORGET_JOURNAL");
  const char *off = getenv("FORGET_NO_SYNC");
  if (off && *off == '1') unsynced = getenv("FORGET_NO_SYNC_MATCH");
  if (!root || !path) return;
  root_length = strlen(root);
  journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below_root(const char *path) { return root && strncmp(path, root, root_length) == 0; }

static int path_of(int fd, char *out, size_t room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, room - 1);
  if (n <= 0) return -1;
  out[n] = 0;
  return 0;
}

static void note(const char *line, size_t length) {
  int kept = errno;
  if (journal >= 0 && write(journal, line, length) != (ssize_t)length) abort();
  errno = kept;
}

/* The size before the sync is what the sync covers: bytes appended meanwhile may not be in it. */
static int sync_file(int fd, const char *name) {
  char path[PATH_MAX];
  struct stat st;
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int ours = journal >= 0 && path_of(fd, path, sizeof path) == 0 && below_root(path) &&
             fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  if (ours && unsynced && fnmatch(unsynced, path, 0) == 0) return 0;
  int result = real(fd);
  if (ours && result == 0) {
    char line[PATH_MAX + 64];
    int n = snprintf(line, sizeof line, "S %lld %s\n", (long long)st.st_size, path);
    note(line, (size_t)n);
  }
  return result;
}

int fsync(int fd) { return sync_file(fd, "fsync"); }
int fdatasync(int fd) { return sync_file(fd, "fdatasync"); }

int sync_file_range(int fd, off64_t offset, off64_t count, unsigned flags) {
  /* No promise of durability: not noted. */
  int (*real)(int, off64_t, off64_t, unsigned) =
      (int (*)(int, off64_t, off64_t, unsigned))dlsym(RTLD_NEXT, "sync_file_range");
  return real(fd, offset, count, flags);
}

static void renamed(const char *from, const char *to) {
  char line[2 * PATH_MAX + 8], a[PATH_MAX], b[PATH_MAX];
  if (journal < 0 || !realpath(to, b)) return;
  if (from[0] == '/') snprintf(a, sizeof a, "%s", from);
  else {
    char cwd[PATH_MAX];
    if (!getcwd(cwd, sizeof cwd)) return;
    if (snprintf(a, sizeof a, "%s/%s", cwd, from) >= (int)sizeof a) return;
  }
  if (!below_root(b)) return;
  int n = snprintf(line, sizeof line, "R %s\t%s\n", a, b);
  note(line, (size_t)n);
}

int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) =
      (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  int result = real(from, to);
  if (result == 0) renamed(from, to);
  return result;
}
