/* FILEs that several threads use, while what is behind them has to be waited for. */
#include "say.h"
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <wchar.h>

enum { WRITERS = 4, LINES = 150 };

static FILE *file;
static int ends[2];

/* A FILE on one end, whose buffers are small; ends[1] is the other one. */
static void open_pair(const char *mode, size_t buffer) {
    int size = 1;
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    file = fdopen(ends[0], mode);
    setvbuf(file, NULL, buffer ? _IOFBF : _IONBF, buffer);
}

/* Of 40 bytes, without the end of the line. */
static void fill_line(char *line, int writer, int number) {
    snprintf(line, 48, "%d %03d ", writer, number);
    memset(line + 6, 'a' + (writer * 7 + number) % 26, 34);
    line[40] = 0;
}

static void *write_lines(void *argument) {
    int writer = (int)(intptr_t)argument;
    char line[48];
    for (int number = 0; number < LINES; number++) {
        fill_line(line, writer, number);
        switch (number % 5) {
        case 0: fprintf(file, "%d %03d %s\n", writer, number, line + 6); break;
        case 1: strcat(line, "\n"); fputs(line, file); break;
        case 2: strcat(line, "\n"); fwrite(line, 1, 41, file); break;
        case 3:
            flockfile(file);
            for (const char *at = line; *at; at++)
                putc(*at, file);
            fputc('\n', file);
            funlockfile(file);
            break;
        default:
            flockfile(file);
            for (const char *at = line; *at; at++)
                putc_unlocked(*at, file);
            putc_unlocked('\n', file);
            funlockfile(file);
        }
        if (number % 50 == 0)
            fflush(number % 100 ? file : NULL);
    }
    return NULL;
}

/* What came of each line, and what was none. */
static int found[WRITERS][LINES], others;

static void note_line(const char *line) {
    int writer, number;
    char right[48];
    if (sscanf(line, "%d %d", &writer, &number) == 2 && writer >= 0 && writer < WRITERS && number >= 0 && number < LINES) {
        fill_line(right, writer, number);
        if (strcmp(line, right) == 0) {
            found[writer][number]++;
            return;
        }
    }
    others++;
}

static void say_found(void) {
    int once = 0, twice = 0;
    for (int writer = 0; writer < WRITERS; writer++) {
        for (int number = 0; number < LINES; number++) {
            once += found[writer][number] == 1;
            twice += found[writer][number] > 1;
        }
    }
    printf("%d lines, %d twice, %d others\n", once, twice, others);
    memset(found, 0, sizeof found);
    others = 0;
}

static void *read_slowly(void *none) {
    char text[701], line[1024];
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[1], text, 700)) > 0) {
        for (ssize_t at = 0; at < count; at++) {
            if (text[at] == '\n' || length == sizeof line - 1) {
                line[length] = 0;
                note_line(line);
                length = 0;
            } else {
                line[length++] = text[at];
            }
        }
        usleep(100);
    }
    return none;
}

static void several(void *(*run)(void *), int count) {
    pthread_t made[WRITERS];
    for (int each = 0; each < count; each++)
        pthread_create(&made[each], NULL, run, (void *)(intptr_t)each);
    for (int each = 0; each < count; each++)
        pthread_join(made[each], NULL);
}

static void writing(size_t buffer) {
    pthread_t reader;
    printf("a buffer of %d\n", (int)buffer);
    open_pair("w", buffer);
    pthread_create(&reader, NULL, read_slowly, NULL);
    several(write_lines, WRITERS);
    DO(fclose(file));
    pthread_join(reader, NULL);
    close(ends[1]);
    say_found();
}

/* The other end writes lines, a few bytes at a time. */
static void *send_slowly(void *none) {
    char text[WRITERS * LINES * 41], *end = text;
    for (int writer = 0; writer < WRITERS; writer++) {
        for (int number = 0; number < LINES; number++) {
            fill_line(end, writer, number);
            end[40] = '\n';
            end += 41;
        }
    }
    for (char *at = text; at < end; at += 123) {
        size_t left = (size_t)(end - at), size = left < 123 ? left : 123;
        (void)!write(ends[1], at, size);
        if ((at - text) / 123 % 8 == 0)
            usleep(100);
    }
    shutdown(ends[1], SHUT_WR);
    return none;
}

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static void *take_line(const char *line) {
    char copy[128];
    snprintf(copy, sizeof copy, "%s", line);
    copy[strcspn(copy, "\n")] = 0;
    pthread_mutex_lock(&guard);
    note_line(copy);
    pthread_mutex_unlock(&guard);
    return NULL;
}

static void *read_lines(void *argument) {
    char line[128], *got = NULL;
    size_t size = 0;
    if (argument)
        while (fgets(line, sizeof line, file))
            take_line(line);
    else
        while (getline(&got, &size, file) > 0)
            take_line(got);
    free(got);
    return NULL;
}

static int seen[256];

static void *read_bytes(void *none) {
    int byte, mine[256] = {0};
    while ((byte = getc(file)) != EOF)
        mine[byte]++;
    pthread_mutex_lock(&guard);
    for (int at = 0; at < 256; at++)
        seen[at] += mine[at];
    pthread_mutex_unlock(&guard);
    return none;
}

static void *read_pieces(void *none) {
    char piece[41];
    while (fread(piece, 1, 41, file) == 41)
        take_line(piece);
    return none;
}

static void reading(const char *how, void *(*run)(void *)) {
    pthread_t sender;
    puts(how);
    open_pair("r", 100);
    pthread_create(&sender, NULL, send_slowly, NULL);
    several(run, 2);
    pthread_join(sender, NULL);
    IS(feof(file) && !ferror(file));
    DO(fclose(file));
    close(ends[1]);
}

static void in_thread(void *(*run)(void *)) {
    pthread_t made;
    pthread_create(&made, NULL, run, NULL);
    pthread_join(made, NULL);
}

static void *try_it(void *none) {
    int is_locked = ftrylockfile(file) == 0;
    IS(is_locked);
    if (is_locked)
        funlockfile(file);
    return none;
}

/* None of them waits for the lock, which the main thread has. */
static void *write_unlocked(void *none) {
    putc_unlocked('a', file);
    fputc_unlocked('b', file);
    fputs_unlocked("cd", file);
    fwrite_unlocked("ef", 1, 2, file);
    fflush_unlocked(file);
    IS(!feof_unlocked(file) && !ferror_unlocked(file));
    return none;
}

static void *read_unlocked(void *none) {
    char text[8] = "";
    IS(getc_unlocked(file) == 'a');
    IS(fgetc_unlocked(file) == 'b');
    IS(fread_unlocked(text, 1, 3, file) == 3 && memcmp(text, "cde", 3) == 0);
    IS(fgets_unlocked(text, sizeof text, file) && strcmp(text, "f12\n") == 0);
    return none;
}

static int is_written;

static void *write_late(void *none) {
    fputs("from the other\n", file);
    is_written = 1;
    return none;
}

static void locking(void) {
    pthread_t late;
    char line[64];
    file = fopen(in_directory("locked"), "w+");
    flockfile(file);
    DO(ftrylockfile(file));
    in_thread(try_it);
    in_thread(write_unlocked);
    funlockfile(file);
    in_thread(try_it);
    pthread_create(&late, NULL, write_late, NULL);
    fputs("1", file);
    usleep(10000);
    IS(!is_written);
    fprintf(file, "%d\n", 2);
    funlockfile(file);
    pthread_join(late, NULL);
    in_thread(try_it);
    rewind(file);
    flockfile(file);
    in_thread(read_unlocked);
    funlockfile(file);
    fputs(fgets(line, sizeof line, file), stdout);
    DO(fclose(file));

    /* By address the next one may be the same. */
    file = fopen(in_directory("locked"), "r");
    in_thread(try_it);
    DO(fclose(file));
    file = freopen(in_directory("locked"), "r", fopen(in_directory("other"), "w"));
    in_thread(try_it);
    SAY(fileno(file));
    fputs(fgets(line, sizeof line, file), stdout);
    IS(freopen(in_directory("none/such"), "r", file) == NULL);
    char *text = NULL;
    size_t size;
    file = open_memstream(&text, &size);
    fputs("in memory", file);
    in_thread(try_it);
    DO(fclose(file));
    puts(text);
    free(text);
}

static char large[200000];

static void *write_large(void *none) {
    fwrite(large, 1, sizeof large, file);
    return none;
}

static void *write_many(void *none) {
    for (int count = 0; count < 1000; count++)
        fprintf(file, "%0200d", count);
    return none;
}

static size_t read_rest(void) {
    char text[4096];
    size_t sum = 0;
    ssize_t count;
    while ((count = read(ends[1], text, sizeof text)) > 0)
        sum += (size_t)count;
    return sum;
}

/* A thread waits in a write; a second one is to be told apart from it. */
static pthread_t begin_writing(void *(*run)(void *), size_t buffer) {
    pthread_t writer;
    open_pair("w", buffer);
    pthread_create(&writer, NULL, run, NULL);
    usleep(20000);
    in_thread(try_it);
    return writer;
}

static void *close_it(void *none) {
    DO(fclose(file));
    return none;
}

static void *flush_each(void *none) {
    DO(fflush(NULL));
    fclose(file);
    return none;
}

static void waiting(void) {
    pthread_t writer, closer;
    void *result;
    puts("closed while it is written to");
    writer = begin_writing(write_large, 512);
    pthread_create(&closer, NULL, close_it, NULL);
    size_t sum = read_rest();
    pthread_join(writer, NULL);
    pthread_join(closer, NULL);
    printf("%zu\n", sum);
    close(ends[1]);

    puts("flushed while it is written to");
    writer = begin_writing(write_large, 512);
    pthread_create(&closer, NULL, flush_each, NULL);
    usleep(1000);
    sum = read_rest();
    pthread_join(writer, NULL);
    pthread_join(closer, NULL);
    printf("%zu\n", sum);
    close(ends[1]);

    puts("canceled while it writes");
    writer = begin_writing(write_many, 512);
    DO(pthread_cancel(writer));
    DO(pthread_join(writer, &result));
    IS(result == PTHREAD_CANCELED);
    in_thread(try_it);
    close(ends[1]);
    fclose(file);
}

static void *write_wide(void *argument) {
    for (int number = 0; number < 200; number++) {
        if (argument)
            fwprintf(file, L"%ls\n", L"wide characters by format");
        else
            fputws(L"wide characters by fputws\n", file);
    }
    return NULL;
}

static void *count_wide(void *none) {
    FILE *from = fdopen(ends[1], "r");
    char line[64];
    int by_format = 0, by_fputws = 0, other = 0;
    while (fgets(line, sizeof line, from)) {
        int is_format = strcmp(line, "wide characters by format\n") == 0;
        int is_fputws = strcmp(line, "wide characters by fputws\n") == 0;
        by_format += is_format;
        by_fputws += is_fputws;
        other += !is_format && !is_fputws;
        usleep(50);
    }
    printf("%d %d %d\n", by_format, by_fputws, other);
    fclose(from);
    return none;
}

static void wide(void) {
    pthread_t counter;
    puts("wide");
    open_pair("w", 64);
    pthread_create(&counter, NULL, count_wide, NULL);
    several(write_wide, 2);
    fclose(file);
    pthread_join(counter, NULL);
}

void locked_streams(void) {
    locking();
    writing(64);
    writing(0);
    writing(4096);
    reading("fgets and getline", read_lines);
    say_found();
    reading("fread", read_pieces);
    say_found();
    reading("getc", read_bytes);
    for (int byte = 0; byte < 256; byte++)
        if (seen[byte])
            printf("%d of %d\n", seen[byte], byte);
    wide();
    waiting();
}
