/* A hostile machine, for tests: preloaded into a member, this makes its disk slow or full and its
 * wall clock jump, while it runs, as the numbers in the file HOSTILE_CONTROL say (hostile.ts writes
 * them; both sides map or write the same pages). Only files below HOSTILE_ROOT are touched.
 *
 * The monotonic clock is never touched, as no administrator can touch it either. Waits until a time
 * of the wall clock are moved along, as the kernel moves them when the clock is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  _Atomic int64_t wall_offset_ns;
  _Atomic int64_t sync_delay_us;
  _Atomic int64_t write_delay_us;
  _Atomic int64_t room_bytes; /* negative: no limit */
  _Atomic int64_t refused;    /* counted here: writes that found no room */
  _Atomic int64_t delayed;    /* and calls that were made to wait */
};

static struct control none = {.room_bytes = -1};
static struct control *control = &none;
static const char *root;
static size_t root_length;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("HOSTILE_CONTROL");
  root = getenv("HOSTILE_ROOT");
  if (!path || !root) return;
  root_length = strlen(root);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) control = page;
}

static int concerns(int fd) {
  char link[64], path[PATH_MAX];
  struct stat st;
  if (!root || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return strncmp(path, root, root_length) == 0;
}

static void wait_us(int64_t us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  atomic_fetch_add(&control->delayed, 1);
  while (nanosleep(&t, &t) != 0 && errno == EINTR) {
  }
}

/* How many of `wanted` bytes may be written: a disk that fills up takes the first part of a write. */
static int64_t admitted(int fd, int64_t wanted) {
  int64_t delay = control->write_delay_us, room = control->room_bytes, some;
  if ((delay <= 0 && room < 0) || wanted <= 0 || !concerns(fd)) return wanted;
  if (delay > 0) wait_us(delay);
  do {
    room = control->room_bytes;
    if (room < 0) return wanted;
    some = room < wanted ? room : wanted;
  } while (!atomic_compare_exchange_weak(&control->room_bytes, &room, room - some));
  if (some > 0) return some;
  atomic_fetch_add(&control->refused, 1);
  errno = ENOSPC;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t n) {
  static __typeof__(&write) real;
  if (!real) real = REAL(write);
  int64_t some = admitted(fd, (int64_t)n);
  return some < 0 ? -1 : real(fd, bytes, (size_t)some);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
  static __typeof__(&pwrite) real;
  if (!real) real = REAL(pwrite);
  int64_t some = admitted(fd, (int64_t)n);
  return some < 0 ? -1 : real(fd, bytes, (size_t)some, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
  static __typeof__(&pwrite64) real;
  if (!real) real = REAL(pwrite64);
  int64_t some = admitted(fd, (int64_t)n);
  return some < 0 ? -1 : real(fd, bytes, (size_t)some, at);
}

static int64_t length_of(const struct iovec *parts, int count) {
  int64_t n = 0;
  for (int i = 0; i < count; i++) n += (int64_t)parts[i].iov_len;
  return n;
}

/* A vector that does not fit is cut to its first part that does. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  static __typeof__(&writev) real;
  if (!real) real = REAL(writev);
  int64_t wanted = length_of(parts, count), some = admitted(fd, wanted);
  if (some < 0) return -1;
  if (some == wanted) return real(fd, parts, count);
  return write(fd, parts[0].iov_base, (size_t)some < parts[0].iov_len ? (size_t)some : parts[0].iov_len);
}

int fallocate(int fd, int mode, off_t at, off_t n) {
  static __typeof__(&fallocate) real;
  if (!real) real = REAL(fallocate);
  if (control->room_bytes >= 0 && concerns(fd) && n > control->room_bytes) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, mode, at, n);
}

static void slow_sync(int fd) {
  int64_t delay = control->sync_delay_us;
  if (delay > 0 && concerns(fd)) wait_us(delay);
}

int fsync(int fd) {
  static __typeof__(&fsync) real;
  if (!real) real = REAL(fsync);
  slow_sync(fd);
  return real(fd);
}

int fdatasync(int fd) {
  static __typeof__(&fdatasync) real;
  if (!real) real = REAL(fdatasync);
  slow_sync(fd);
  return real(fd);
}

static void add_ns(struct timespec *t, int64_t ns) {
  int64_t sum = t->tv_nsec + ns % 1000000000;
  t->tv_sec += ns / 1000000000 + sum / 1000000000;
  t->tv_nsec = sum % 1000000000;
  if (t->tv_nsec < 0) {
    t->tv_nsec += 1000000000;
    t->tv_sec--;
  }
}

int clock_gettime(clockid_t id, struct timespec *out) {
  static __typeof__(&clock_gettime) real;
  if (!real) real = REAL(clock_gettime);
  int result = real(id, out);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    add_ns(out, control->wall_offset_ns);
  }
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

static void *timed_wait(void) {
  static const char *versions[] = {"GLIBC_2.3.2", "GLIBC_2.17"};
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
    void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", versions[i]);
    if (found) return found;
  }
  return dlsym(RTLD_NEXT, "pthread_cond_timedwait");
}

/* The clock of a condition cannot be asked for; a monotonic time is far below any wall time. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (!real) real = (__typeof__(real))timed_wait();
  struct timespec moved = *until;
  if (until->tv_sec > 1000000000) add_ns(&moved, -control->wall_offset_ns);
  return real(condition, mutex, &moved);
}
