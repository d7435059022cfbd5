/* mntent(3): the lines of a file of mounts, wherever the program has one; and
   statfs(2), of which wasi:filesystem tells nothing. */
#include <errno.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#define WEAK __attribute__((weak))

WEAK FILE *setmntent(const char *path, const char *mode) { return fopen(path, mode); }
WEAK int endmntent(FILE *file) {
    if (file)
        fclose(file);
    return 1;
}

/* A field ends with white space, which in it is written \040 and the like. */
static char *next_field(char **rest) {
    char *field = *rest += strspn(*rest, " \t"), *to = field, *from = field;
    while (*from && !strchr(" \t\n", *from)) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to++ = (from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0');
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *rest = *from ? from + 1 : from;
    *to = 0;
    return field;
}

WEAK struct mntent *getmntent_r(FILE *file, struct mntent *entry, char *room, int size) {
    char *rest;
    do {
        if (!fgets(room, size, file))
            return NULL;
        if (!strchr(room, '\n') && !feof(file)) {
            /* The rest of a line that is longer is not another one. */
            for (int byte = getc(file); byte != '\n' && byte != EOF;)
                byte = getc(file);
        }
        rest = room + strspn(room, " \t");
    } while (*rest == '#' || *rest == '\n');
    entry->mnt_fsname = next_field(&rest);
    entry->mnt_dir = next_field(&rest);
    entry->mnt_type = next_field(&rest);
    entry->mnt_opts = next_field(&rest);
    entry->mnt_freq = atoi(next_field(&rest));
    entry->mnt_passno = atoi(next_field(&rest));
    return entry;
}

WEAK struct mntent *getmntent(FILE *file) {
    static struct mntent entry;
    static char room[4096];
    return getmntent_r(file, &entry, room, sizeof room);
}

static void put_field(FILE *file, const char *field, char after) {
    for (; *field; field++)
        if (strchr(" \t\n\\", *field))
            fprintf(file, "\\%03o", *field);
        else
            putc(*field, file);
    putc(after, file);
}

WEAK int addmntent(FILE *file, const struct mntent *entry) {
    if (fseek(file, 0, SEEK_END))
        return 1;
    put_field(file, entry->mnt_fsname, ' ');
    put_field(file, entry->mnt_dir, ' ');
    put_field(file, entry->mnt_type, ' ');
    put_field(file, entry->mnt_opts, ' ');
    return fprintf(file, "%d %d\n", entry->mnt_freq, entry->mnt_passno) < 0;
}

WEAK char *hasmntopt(const struct mntent *entry, const char *option) {
    size_t length = strlen(option);
    for (char *at = entry->mnt_opts; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, option, length) == 0 && strchr(",=", at[length]))
            return at;
    }
    return NULL;
}

static int fail(void) {
    errno = ENOSYS;
    return -1;
}

WEAK int statfs(const char *path, struct statfs *status) { (void)path; (void)status; return fail(); }
WEAK int fstatfs(int fd, struct statfs *status) { (void)fd; (void)status; return fail(); }
