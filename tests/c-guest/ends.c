/* ends WHAT: exit(3) while another thread has a FILE. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static FILE *file;
static int ends[2];

static void *write_lines(void *none) {
    for (int number = 0; number < 10000; number++)
        fprintf(file, "%05d %0100d\n", number, number);
    return none;
}

static void *copy_slowly(void *none) {
    char text[1000];
    ssize_t count;
    while ((count = read(ends[1], text, sizeof text)) > 0) {
        (void)!write(1, text, (size_t)count);
        usleep(100);
    }
    return none;
}

static void *read_standard_input(void *none) {
    getchar();
    return none;
}

static void *keep_locks(void *none) {
    flockfile(stdout);
    flockfile(file);
    sleep(1000);
    return none;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    pthread_t made;
    int size = 1;
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    file = fdopen(ends[0], "w");
    setvbuf(file, NULL, _IOFBF, 512);
    if (strcmp(what, "writing") == 0) {
        pthread_create(&made, NULL, copy_slowly, NULL);
        pthread_create(&made, NULL, write_lines, NULL);
    } else if (strcmp(what, "reading") == 0) {
        printf("left");
        pthread_create(&made, NULL, read_standard_input, NULL);
    } else if (strcmp(what, "locked") == 0) {
        printf("left");
        fputs("left", file);
        pthread_create(&made, NULL, keep_locks, NULL);
    }
    usleep(20000);
    exit(0);
}
