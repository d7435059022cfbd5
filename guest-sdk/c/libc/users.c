/* Users: a guest has none. It is user 65534, nobody, whom no look-up finds. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEAK __attribute__((weak))
#define NOBODY 65534

static int fail(int number) {
    errno = number;
    return -1;
}

WEAK uid_t getuid(void) { return NOBODY; }
WEAK uid_t geteuid(void) { return NOBODY; }
WEAK gid_t getgid(void) { return NOBODY; }
WEAK gid_t getegid(void) { return NOBODY; }
WEAK int getgroups(int count, gid_t groups[]) { (void)count; (void)groups; return 0; }
WEAK int getresuid(uid_t *real, uid_t *effective, uid_t *saved) { *real = *effective = *saved = NOBODY; return 0; }
WEAK int getresgid(gid_t *real, gid_t *effective, gid_t *saved) { *real = *effective = *saved = NOBODY; return 0; }

static int become(unsigned id) { return id == NOBODY || id == (unsigned)-1 ? 0 : fail(EPERM); }
WEAK int setuid(uid_t id) { return become(id); }
WEAK int seteuid(uid_t id) { return become(id); }
WEAK int setgid(gid_t id) { return become(id); }
WEAK int setegid(gid_t id) { return become(id); }
WEAK int setreuid(uid_t real, uid_t effective) { return become(real) ? -1 : become(effective); }
WEAK int setregid(gid_t real, gid_t effective) { return become(real) ? -1 : become(effective); }
WEAK int setresuid(uid_t real, uid_t effective, uid_t saved) { return setreuid(real, effective) ? -1 : become(saved); }
WEAK int setresgid(gid_t real, gid_t effective, gid_t saved) { return setregid(real, effective) ? -1 : become(saved); }
WEAK int setgroups(size_t count, const gid_t *groups) { (void)count; (void)groups; return fail(EPERM); }
WEAK int initgroups(const char *user, gid_t group) { (void)user; (void)group; return fail(EPERM); }

/* Nobody is found, which is no error. */
WEAK struct passwd *getpwuid(uid_t id) { (void)id; return NULL; }
WEAK struct passwd *getpwnam(const char *name) { (void)name; return NULL; }
WEAK int getpwuid_r(uid_t id, struct passwd *entry, char *room, size_t size, struct passwd **found) {
    (void)id; (void)entry; (void)room; (void)size;
    *found = NULL;
    return 0;
}
WEAK int getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, struct passwd **found) {
    (void)name;
    return getpwuid_r(0, entry, room, size, found);
}
WEAK void setpwent(void) {}
WEAK void endpwent(void) {}
WEAK struct passwd *getpwent(void) { return NULL; }
WEAK struct group *getgrgid(gid_t id) { (void)id; return NULL; }
WEAK struct group *getgrnam(const char *name) { (void)name; return NULL; }
WEAK int getgrgid_r(gid_t id, struct group *entry, char *room, size_t size, struct group **found) {
    (void)id; (void)entry; (void)room; (void)size;
    *found = NULL;
    return 0;
}
WEAK int getgrnam_r(const char *name, struct group *entry, char *room, size_t size, struct group **found) {
    (void)name;
    return getgrgid_r(0, entry, room, size, found);
}
WEAK void setgrent(void) {}
WEAK void endgrent(void) {}
WEAK struct group *getgrent(void) { return NULL; }
WEAK int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count) {
    (void)user; (void)group; (void)groups;
    *count = 0;
    return 0;
}
WEAK char *getlogin(void) { errno = ENXIO; return NULL; }
WEAK int getlogin_r(char *name, size_t size) { (void)name; (void)size; return ENXIO; }

/* Owners and modes: wasi:filesystem has none. */
WEAK int chown(const char *path, uid_t owner, gid_t group) { (void)path; (void)owner; (void)group; return fail(ENOSYS); }
WEAK int lchown(const char *path, uid_t owner, gid_t group) { (void)path; (void)owner; (void)group; return fail(ENOSYS); }
WEAK int fchown(int fd, uid_t owner, gid_t group) { (void)fd; (void)owner; (void)group; return fail(ENOSYS); }
WEAK mode_t umask(mode_t mask) {
    static mode_t current = 022;
    mode_t old = current;
    current = mask & 0777;
    return old;
}
WEAK int mkfifo(const char *path, mode_t mode) { (void)path; (void)mode; return fail(ENOSYS); }
WEAK int mknod(const char *path, mode_t mode, dev_t device) { (void)path; (void)mode; (void)device; return fail(ENOSYS); }
