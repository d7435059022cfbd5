/* Clocks, processors and files of mounts. */
#include "say.h"
#include <mntent.h>
#include <sched.h>
#include <time.h>

void clocks(void) {
    struct timespec first, second, none = {0, 0}, wrong = {0, 1000000000};
    static const clockid_t numbers[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                        CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++) {
        printf("clock %d\n", (int)numbers[at]);
        SAY(clock_gettime(numbers[at], &first));
        SAY(clock_gettime(numbers[at], &second));
        IS(second.tv_sec > first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec));
        SAY(clock_getres(numbers[at], &first));
        IS(first.tv_sec == 0 && first.tv_nsec > 0);
    }
    IS(clock_gettime(CLOCK_REALTIME, &first) == 0 && first.tv_sec - time(NULL) <= 0);
    SAY(clock_gettime(424242, &first));
    SAY(clock_getres(424242, &first));
    SAY(clock_nanosleep(CLOCK_MONOTONIC, 0, &none, NULL));
    SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &none, NULL));
    IS(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) == EINVAL);
    IS(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &wrong, NULL) == EINVAL);
    IS(clock_nanosleep(424242, 0, &none, NULL) == EINVAL);
    /* A number is one that a program may keep. */
    int kept = CLOCK_MONOTONIC;
    SAY(clock_gettime(kept, &first));
    struct timespec little = {0, 2000000};
    SAY(clock_nanosleep(kept, 0, &little, NULL));
    SAY(clock_gettime(kept, &second));
    long long passed = (second.tv_sec - first.tv_sec) * 1000000000LL + second.tv_nsec - first.tv_nsec;
    IS(passed >= 2000000);
    clock_gettime(CLOCK_REALTIME, &first);
    first.tv_nsec += 2000000;
    first.tv_sec += first.tv_nsec / 1000000000;
    first.tv_nsec %= 1000000000;
    SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &first, NULL));
    clock_gettime(CLOCK_REALTIME, &second);
    IS(second.tv_sec > first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec));
}

void processors(void) {
    cpu_set_t set;
    SAY(sched_getaffinity(0, sizeof set, &set));
    IS(CPU_COUNT(&set) >= 1);
    SAY(sched_getaffinity(getpid(), sizeof set, &set));
    SAY(sched_getaffinity(0, 1, &set));
    SAY(sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    SAY(sched_setaffinity(0, sizeof set, &set));
    IS(CPU_COUNT(&set) == 0);
    CPU_SET(3, &set);
    CPU_SET(40, &set);
    IS(CPU_ISSET(40, &set) && !CPU_ISSET(4, &set) && CPU_COUNT(&set) == 2);
    IS(sched_getcpu() >= 0);
    struct sched_param parameters;
    SAY(sched_getscheduler(0));
    SAY(sched_getparam(0, &parameters));
    SAY(parameters.sched_priority);
    SAY(sched_setscheduler(0, SCHED_OTHER, &parameters));
    parameters.sched_priority = 1;
    SAY(sched_setscheduler(0, SCHED_OTHER, &parameters));
    SAY(sched_setscheduler(0, 424242, &parameters));
    SAY(sched_get_priority_min(SCHED_OTHER));
    SAY(sched_get_priority_max(SCHED_OTHER));
    SAY(sched_get_priority_min(SCHED_FIFO));
    SAY(sched_get_priority_max(SCHED_RR));
    SAY(sched_get_priority_max(424242));
}

void mounts(void) {
    const char *path = in_directory("mounts");
    IS(setmntent(in_directory("none"), "r") == NULL);
    FILE *file = fopen(path, "w");
    fputs("# a comment\n\n/dev/sda1  /  ext4 rw,noatime,size=10k 1 2\n\tnone\t/a\\040b\\134 tmpfs ro 0 0\nshort /x\n", file);
    fclose(file);
    file = setmntent(path, "r+");
    struct mntent *entry;
    while ((entry = getmntent(file))) {
        printf("%s|%s|%s|%s|%d|%d\n", entry->mnt_fsname, entry->mnt_dir, entry->mnt_type, entry->mnt_opts,
               entry->mnt_freq, entry->mnt_passno);
        IS(hasmntopt(entry, "ro") != NULL);
        char *size = hasmntopt(entry, "size");
        printf("%s\n", size ? size : "-");
        IS(hasmntopt(entry, "noat") != NULL);
    }
    struct mntent new = {"a host:/b", "/c\\d", "nfs", "defaults", 0, 1};
    SAY(addmntent(file, &new));
    SAY(endmntent(file));
    char line[200], *read = NULL;
    file = fopen(path, "r");
    while (fgets(line, sizeof line, file))
        read = line;
    printf("%s", read);
    rewind(file);
    struct mntent found;
    char room[20];
    IS(getmntent_r(file, &found, room, sizeof room) != NULL);
    printf("%s|%s\n", found.mnt_fsname, found.mnt_dir);
    IS(getmntent_r(file, &found, room, sizeof room) != NULL);
    printf("%s|%s\n", found.mnt_fsname, found.mnt_dir);
    fclose(file);
}

/* strerror(3) */
void error_texts(void) {
#define T(number) printf(#number ": %s\n", strerror(number));
    T(E2BIG) T(EACCES) T(EADDRINUSE) T(EADDRNOTAVAIL) T(EAFNOSUPPORT) T(EAGAIN)
    T(EALREADY) T(EBADF) T(EBADMSG) T(EBUSY) T(ECANCELED) T(ECHILD)
    T(ECONNABORTED) T(ECONNREFUSED) T(ECONNRESET) T(EDEADLK) T(EDESTADDRREQ) T(EDOM)
    T(EDQUOT) T(EEXIST) T(EFAULT) T(EFBIG) T(EHOSTUNREACH) T(EIDRM)
    T(EILSEQ) T(EINPROGRESS) T(EINTR) T(EINVAL) T(EIO) T(EISCONN)
    T(EISDIR) T(ELOOP) T(EMFILE) T(EMLINK) T(EMSGSIZE) T(EMULTIHOP)
    T(ENAMETOOLONG) T(ENETDOWN) T(ENETRESET) T(ENETUNREACH) T(ENFILE) T(ENOBUFS)
    T(ENODEV) T(ENOENT) T(ENOEXEC) T(ENOLCK) T(ENOLINK) T(ENOMEM)
    T(ENOMSG) T(ENOPROTOOPT) T(ENOSPC) T(ENOSYS) T(ENOTCONN) T(ENOTDIR)
    T(ENOTEMPTY) T(ENOTRECOVERABLE) T(ENOTSOCK) T(ENOTSUP) T(ENOTTY) T(ENXIO)
    T(EOVERFLOW) T(EOWNERDEAD) T(EPERM) T(EPIPE) T(EPROTO) T(EPROTONOSUPPORT)
    T(EPROTOTYPE) T(ERANGE) T(EROFS) T(ESPIPE) T(ESRCH) T(ESTALE)
    T(ETIMEDOUT) T(ETXTBSY) T(EXDEV)
#undef T
}
