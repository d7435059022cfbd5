/* Signals: what the program raises itself, and what the host sends. src/thread/signal.rs
   has what is pending and blocked, and says when a handler runs. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

extern void __capsock_handle_signals(uint64_t set);
extern void __capsock_send_signal(int number);
extern void __capsock_send_thread_signal(unsigned thread, int number);
extern uint64_t __capsock_signal_mask(const uint64_t *set);
extern uint64_t __capsock_pending_signals(void);
extern int __capsock_suspend(uint64_t mask);
extern int __capsock_wait_for_signals(uint64_t set, const uint64_t *nanoseconds);
extern unsigned __wrap_pthread_self(void);

static struct sigaction actions[_NSIG];

static int fail(int number) {
    errno = number;
    return -1;
}

/* Functions in the place of numbers, since 1 is the pointer of a function too. */
WEAK void __SIG_IGN(int number) { (void)number; }
WEAK _Noreturn void __SIG_ERR(int number) { (void)number; abort(); }

static uint64_t bit(int number) { return (uint64_t)1 << (number - 1); }

/* The first signal is the lowest bit of both. */
static uint64_t bits(const sigset_t *set) {
    uint64_t bits;
    memcpy(&bits, set, sizeof bits);
    return bits;
}
static void of_bits(sigset_t *set, uint64_t bits) {
    sigemptyset(set);
    memcpy(set, &bits, sizeof bits);
}

static int is_ignored_by_default(int number) {
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

/* What a shell says of it, and it says nothing of these. */
static _Noreturn void end(int number) {
    if (number != SIGINT && number != SIGPIPE)
        fprintf(stderr, "ended by signal %d\n", number);
    _Exit(128 + number);
}

int __capsock_act(int number, uint64_t *mask) {
    struct sigaction action = actions[number];
    if (action.sa_handler == SIG_IGN)
        return 0;
    if (action.sa_handler == SIG_DFL) {
        if (!is_ignored_by_default(number))
            end(number);
        return 0;
    }
    if (action.sa_flags & SA_RESETHAND)
        signal(number, SIG_DFL);
    uint64_t before = *mask;
    *mask |= bits(&action.sa_mask) | (action.sa_flags & SA_NODEFER ? 0 : bit(number));
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = {.si_signo = number, .si_code = SI_USER};
        info.si_pid = getpid();
        action.sa_sigaction(number, &info, NULL);
    } else {
        action.sa_handler(number);
    }
    *mask = before;
    return action.sa_flags & SA_RESTART ? 2 : 1;
}

static int is_number(int number) { return number >= 0 && number < _NSIG; }

WEAK int raise(int number) {
    if (!is_number(number))
        return fail(EINVAL);
    if (number)
        __capsock_send_thread_signal(__wrap_pthread_self(), number);
    return 0;
}

WEAK int kill(pid_t pid, int number) {
    if (pid != getpid() && pid != 0 && pid != -getpid())
        return fail(ESRCH);
    if (!is_number(number))
        return fail(EINVAL);
    if (number)
        __capsock_send_signal(number);
    return 0;
}

WEAK int killpg(pid_t group, int number) { return kill(group ? -group : 0, number); }

WEAK int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict old) {
    static uint64_t handled;
    if (number < 1 || number >= _NSIG || (action && (number == SIGKILL || number == SIGSTOP)))
        return fail(EINVAL);
    if (old)
        *old = actions[number];
    if (action) {
        actions[number] = *action;
        handled = action->sa_handler == SIG_DFL ? handled & ~bit(number) : handled | bit(number);
        __capsock_handle_signals(handled);
    }
    return 0;
}

WEAK void (*signal(int number, void (*handler)(int)))(int) {
    struct sigaction action = {.sa_flags = SA_RESTART}, old;
    action.sa_handler = handler;
    return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

WEAK int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    uint64_t before = __capsock_signal_mask(NULL), mask;
    if (set) {
        switch (how) {
        case SIG_BLOCK: mask = before | bits(set); break;
        case SIG_UNBLOCK: mask = before & ~bits(set); break;
        case SIG_SETMASK: mask = bits(set); break;
        default: return fail(EINVAL);
        }
        __capsock_signal_mask(&mask);
    }
    if (old)
        of_bits(old, before);
    return 0;
}

WEAK int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    return sigprocmask(how, set, old) ? errno : 0;
}

WEAK int sigpending(sigset_t *set) { of_bits(set, __capsock_pending_signals()); return 0; }

WEAK int pause(void) { return __capsock_suspend(__capsock_signal_mask(NULL)); }
WEAK int sigsuspend(const sigset_t *mask) { return __capsock_suspend(bits(mask)); }

WEAK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict time) {
    uint64_t left;
    if (time && (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1000000000))
        return fail(EINVAL);
    if (time && __builtin_mul_overflow((uint64_t)time->tv_sec, 1000000000, &left))
        left = INT64_MAX;
    else if (time)
        left += (uint64_t)time->tv_nsec;
    int number = __capsock_wait_for_signals(bits(set), time ? &left : NULL);
    if (number < 0)
        return fail(-number);
    if (info)
        *info = (siginfo_t){.si_signo = number, .si_code = SI_USER, .si_pid = getpid()};
    return number;
}
WEAK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) { return sigtimedwait(set, info, NULL); }
WEAK int sigwait(const sigset_t *restrict set, int *restrict number) {
    int came;
    do
        came = sigwaitinfo(set, NULL);
    while (came < 0 && errno == EINTR);
    if (came < 0)
        return errno;
    *number = came;
    return 0;
}
WEAK int sigaltstack(const stack_t *restrict stack, stack_t *restrict old) { (void)stack; (void)old; return fail(ENOSYS); }
WEAK int siginterrupt(int number, int flag) {
    struct sigaction action;
    if (sigaction(number, NULL, &action))
        return -1;
    action.sa_flags = flag ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(number, &action, NULL);
}

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
