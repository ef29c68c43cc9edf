// Makes the Nth call that SQLite makes to a function fail, once, with an errno:
// FAULT_CALL=write|sync|truncate, FAULT_N=1…, FAULT_ERRNO=5. Only files whose
// name holds FAULT_FILE count. Go's own files do not come by here: its runtime
// makes system calls itself.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int count;

static int fails(int fd, const char *call) {
	const char *want = getenv("FAULT_CALL"), *file = getenv("FAULT_FILE");
	char link[64], name[PATH_MAX];
	if (want == NULL || file == NULL || strcmp(want, call) != 0) return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, sizeof name - 1);
	if (n < 0) return 0;
	name[n] = 0;
	if (strstr(name, file) == NULL) return 0;
	if (__sync_add_and_fetch(&count, 1) != atoi(getenv("FAULT_N"))) return 0;
	fprintf(stderr, "fault: %s %d of %s\n", call, count, name);
	errno = atoi(getenv("FAULT_ERRNO"));
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { return fails(fd, "write") ? -1 : REAL(pwrite)(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { return fails(fd, "write") ? -1 : REAL(pwrite64)(fd, b, n, o); }
ssize_t write(int fd, const void *b, size_t n) { return fails(fd, "write") ? -1 : REAL(write)(fd, b, n); }
int fsync(int fd) { return fails(fd, "sync") ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd, "sync") ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t n) { return fails(fd, "truncate") ? -1 : REAL(ftruncate)(fd, n); }
int ftruncate64(int fd, off64_t n) { return fails(fd, "truncate") ? -1 : REAL(ftruncate64)(fd, n); }
