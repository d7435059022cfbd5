/* Signals within the guest: raise(3) and kill(2) of itself. None comes from outside. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

static struct sigaction actions[_NSIG];
static sigset_t blocked, pending;

static int fail(int number) {
    errno = number;
    return -1;
}

/* Functions in the place of numbers, since 1 is the pointer of a function too. */
WEAK void __SIG_IGN(int number) { (void)number; }
WEAK _Noreturn void __SIG_ERR(int number) { (void)number; abort(); }

static int is_ignored_by_default(int number) {
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

static void deliver(int number) {
    struct sigaction action = actions[number];
    if (action.sa_handler == SIG_IGN)
        return;
    if (action.sa_handler == SIG_DFL) {
        if (is_ignored_by_default(number))
            return;
        fprintf(stderr, "ended by signal %d\n", number);
        _Exit(128 + number);
    }
    if (action.sa_flags & SA_RESETHAND)
        actions[number].sa_handler = SIG_DFL;
    sigset_t before = blocked;
    sigorset(&blocked, &blocked, &action.sa_mask);
    if (!(action.sa_flags & SA_NODEFER))
        sigaddset(&blocked, number);
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = {.si_signo = number, .si_code = SI_USER};
        info.si_pid = getpid();
        action.sa_sigaction(number, &info, NULL);
    } else {
        action.sa_handler(number);
    }
    blocked = before;
}

/* For src/thread/scheduler.rs. */
int __capsock_raise_alarm(void) {
    int is_called = !sigismember(&blocked, SIGALRM) && actions[SIGALRM].sa_handler != SIG_IGN;
    int restarts = actions[SIGALRM].sa_flags & SA_RESTART;
    raise(SIGALRM);
    return !is_called ? 0 : restarts ? 2 : 1;
}

static void deliver_pending(void) {
    for (int number = 1; number < _NSIG; number++) {
        if (sigismember(&pending, number) && !sigismember(&blocked, number)) {
            sigdelset(&pending, number);
            deliver(number);
        }
    }
}

WEAK int raise(int number) {
    if (number < 0 || number >= _NSIG)
        return fail(EINVAL);
    if (number == 0)
        return 0;
    if (sigismember(&blocked, number))
        sigaddset(&pending, number);
    else
        deliver(number);
    return 0;
}

WEAK int kill(pid_t pid, int number) {
    if (pid != getpid() && pid != 0 && pid != -getpid())
        return fail(ESRCH);
    return raise(number);
}

WEAK int killpg(pid_t group, int number) { return kill(group ? -group : 0, number); }

WEAK int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict old) {
    if (number < 1 || number >= _NSIG || (action && (number == SIGKILL || number == SIGSTOP)))
        return fail(EINVAL);
    if (old)
        *old = actions[number];
    if (action)
        actions[number] = *action;
    return 0;
}

WEAK void (*signal(int number, void (*handler)(int)))(int) {
    struct sigaction action = {.sa_flags = SA_RESTART}, old;
    action.sa_handler = handler;
    return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

WEAK int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    sigset_t before = blocked;
    if (set) {
        for (int number = 1; number < _NSIG; number++) {
            int is_in = sigismember(set, number);
            if (how == SIG_SETMASK)
                is_in ? sigaddset(&blocked, number) : sigdelset(&blocked, number);
            else if (how == SIG_BLOCK && is_in)
                sigaddset(&blocked, number);
            else if (how == SIG_UNBLOCK && is_in)
                sigdelset(&blocked, number);
            else if (how != SIG_BLOCK && how != SIG_UNBLOCK)
                return fail(EINVAL);
        }
        sigdelset(&blocked, SIGKILL);
        sigdelset(&blocked, SIGSTOP);
    }
    if (old)
        *old = before;
    deliver_pending();
    return 0;
}

WEAK int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    return sigprocmask(how, set, old) ? errno : 0;
}

WEAK int sigpending(sigset_t *set) { *set = pending; return 0; }

/* Of src/thread/alarm.rs. Only SIGALRM can come. */
extern int __capsock_pause(void);
WEAK int pause(void) { return __capsock_pause(); }
WEAK int sigsuspend(const sigset_t *mask) {
    sigset_t before = blocked;
    blocked = *mask;
    deliver_pending();
    int result = __capsock_pause();
    int number = errno;
    blocked = before;
    errno = number;
    return result;
}
/* Nobody is there who could send one: these would wait for ever. */
WEAK int sigwait(const sigset_t *restrict set, int *restrict number) { (void)set; (void)number; return ENOSYS; }
WEAK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) { (void)set; (void)info; return fail(ENOSYS); }
WEAK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict time) {
    (void)set; (void)info; (void)time;
    return fail(ENOSYS);
}
WEAK int sigaltstack(const stack_t *restrict stack, stack_t *restrict old) { (void)stack; (void)old; return fail(ENOSYS); }
WEAK int siginterrupt(int number, int flag) { (void)number; (void)flag; return 0; }

static int is_valid(int number) { return number >= 1 && number < _NSIG; }
#define WORD(number) (((number) - 1) / (8 * (int)sizeof(long)))
#define BIT(number) (1UL << (((number) - 1) % (8 * sizeof(long))))

WEAK int sigemptyset(sigset_t *set) { memset(set, 0, sizeof *set); return 0; }
WEAK int sigfillset(sigset_t *set) {
    sigemptyset(set);
    for (int number = 1; number < _NSIG; number++)
        sigaddset(set, number);
    return 0;
}
WEAK int sigaddset(sigset_t *set, int number) {
    if (!is_valid(number))
        return fail(EINVAL);
    set->__bits[WORD(number)] |= BIT(number);
    return 0;
}
WEAK int sigdelset(sigset_t *set, int number) {
    if (!is_valid(number))
        return fail(EINVAL);
    set->__bits[WORD(number)] &= ~BIT(number);
    return 0;
}
WEAK int sigismember(const sigset_t *set, int number) {
    return is_valid(number) ? (set->__bits[WORD(number)] & BIT(number)) != 0 : fail(EINVAL);
}
WEAK int sigisemptyset(const sigset_t *set) {
    for (unsigned word = 0; word < sizeof set->__bits / sizeof *set->__bits; word++)
        if (set->__bits[word])
            return 0;
    return 1;
}
WEAK int sigorset(sigset_t *set, const sigset_t *left, const sigset_t *right) {
    for (unsigned word = 0; word < sizeof set->__bits / sizeof *set->__bits; word++)
        set->__bits[word] = left->__bits[word] | right->__bits[word];
    return 0;
}
WEAK int sigandset(sigset_t *set, const sigset_t *left, const sigset_t *right) {
    for (unsigned word = 0; word < sizeof set->__bits / sizeof *set->__bits; word++)
        set->__bits[word] = left->__bits[word] & right->__bits[word];
    return 0;
}

static const char *const names[] = {
    [SIGHUP] = "Hangup", [SIGINT] = "Interrupt", [SIGQUIT] = "Quit", [SIGILL] = "Illegal instruction",
    [SIGABRT] = "Aborted", [SIGFPE] = "Floating point exception", [SIGKILL] = "Killed",
    [SIGSEGV] = "Segmentation fault", [SIGPIPE] = "Broken pipe", [SIGALRM] = "Alarm clock",
    [SIGTERM] = "Terminated", [SIGUSR1] = "User defined signal 1", [SIGUSR2] = "User defined signal 2",
    [SIGCHLD] = "Child exited",
};
WEAK char *strsignal(int number) {
    const char *name = number > 0 && number < (int)(sizeof names / sizeof *names) ? names[number] : NULL;
    return (char *)(name ? name : "Unknown signal");
}
WEAK void psignal(int number, const char *text) { fprintf(stderr, "%s: %s\n", text, strsignal(number)); }
