/* Processes: a guest is one, and has no others. */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

static int fail(int number) {
    errno = number;
    return -1;
}

/* The placeholder that wasi-libc has for getpid. */
#define PID 42

WEAK pid_t getpid(void) { return PID; }
WEAK pid_t getppid(void) { return 1; }
WEAK pid_t gettid(void) { return PID; }
WEAK pid_t getpgrp(void) { return PID; }
WEAK pid_t getpgid(pid_t pid) { return pid == 0 || pid == PID ? PID : fail(ESRCH); }
WEAK pid_t getsid(pid_t pid) { return pid == 0 || pid == PID ? PID : fail(ESRCH); }
WEAK int setpgid(pid_t pid, pid_t group) { (void)pid; (void)group; return fail(EPERM); }
WEAK pid_t setsid(void) { return fail(EPERM); }

WEAK pid_t fork(void) { return fail(ENOSYS); }
WEAK pid_t vfork(void) { return fail(ENOSYS); }
WEAK int execve(const char *path, char *const arguments[], char *const environment[]) {
    (void)path; (void)arguments; (void)environment;
    return fail(ENOSYS);
}
WEAK int execv(const char *path, char *const arguments[]) { return execve(path, arguments, NULL); }
WEAK int execvp(const char *path, char *const arguments[]) { return execve(path, arguments, NULL); }
WEAK int execvpe(const char *path, char *const arguments[], char *const environment[]) {
    return execve(path, arguments, environment);
}
WEAK int execl(const char *path, const char *argument, ...) { (void)path; (void)argument; return fail(ENOSYS); }
WEAK int execlp(const char *path, const char *argument, ...) { (void)path; (void)argument; return fail(ENOSYS); }
WEAK int execle(const char *path, const char *argument, ...) { (void)path; (void)argument; return fail(ENOSYS); }
WEAK int daemon(int no_chdir, int no_close) { (void)no_chdir; (void)no_close; return fail(ENOSYS); }

WEAK pid_t wait(int *status) { (void)status; return fail(ECHILD); }
WEAK pid_t waitpid(pid_t pid, int *status, int options) { (void)pid; (void)status; (void)options; return fail(ECHILD); }
WEAK pid_t wait3(int *status, int options, struct rusage *usage) { (void)usage; return waitpid(-1, status, options); }
WEAK pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) { (void)usage; return waitpid(pid, status, options); }

/* Without a command it tells whether there is a shell. */
WEAK int system(const char *command) { return command ? fail(ENOSYS) : 0; }
WEAK FILE *popen(const char *command, const char *mode) { (void)command; (void)mode; errno = ENOSYS; return NULL; }
WEAK int pclose(FILE *stream) { (void)stream; return fail(ECHILD); }

WEAK int nice(int by) { (void)by; return fail(EPERM); }
WEAK int getpriority(int which, id_t who) { (void)which; (void)who; return 0; }
WEAK int setpriority(int which, id_t who, int value) { (void)which; (void)who; (void)value; return fail(EPERM); }
WEAK int prctl(int operation, ...) { (void)operation; return fail(EINVAL); }
WEAK int chroot(const char *path) { (void)path; return fail(EPERM); }
WEAK int fchdir(int fd) { (void)fd; return fail(ENOSYS); }
WEAK void sync(void) {}
