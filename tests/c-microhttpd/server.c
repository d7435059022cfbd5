/* microhttpd MODE PORT FILE, or a path for the port: an HTTP server with libmicrohttpd
   on 127.0.0.1 or a Unix socket. It answers a GET with the URL, of /file with the
   file, and a POST with what was sent. It prints a line when it listens. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *file;

static _Noreturn void fail(const char *what) {
    perror(what);
    exit(1);
}

static int listen_at(const char *where) {
    struct sockaddr_in inet = {.sin_family = AF_INET};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr *address = (struct sockaddr *)&inet;
    socklen_t length = sizeof inet;
    if (*where == '/') {
        strncpy(local.sun_path, where, sizeof local.sun_path - 1);
        address = (struct sockaddr *)&local;
        length = sizeof local;
    } else {
        inet.sin_port = htons(atoi(where));
        inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    int listener = socket(address->sa_family, SOCK_STREAM, 0);
    if (listener < 0)
        fail("socket");
    if (bind(listener, address, length) || listen(listener, 64))
        fail(where);
    return listener;
}

/* What was posted, until all of it is there. */
struct posted {
    char *text;
    size_t length;
};

static enum MHD_Result answer(struct MHD_Connection *connection, struct MHD_Response *response) {
    if (!response)
        return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *length, void **request) {
    (void)context; (void)version;
    struct posted *posted = *request;
    if (!posted) {
        *request = calloc(1, sizeof *posted);
        return *request ? MHD_YES : MHD_NO;
    }
    if (*length) {
        char *text = realloc(posted->text, posted->length + *length);
        if (!text)
            return MHD_NO;
        memcpy(text + posted->length, data, *length);
        posted->text = text;
        posted->length += *length;
        *length = 0;
        return MHD_YES;
    }
    if (strcmp(method, "POST") == 0)
        return answer(connection, MHD_create_response_from_buffer_copy(posted->length, posted->text));
    if (strcmp(url, "/file") == 0) {
        struct stat status;
        int fd = open(file, O_RDONLY);
        if (fd < 0 || fstat(fd, &status))
            return MHD_NO;
        return answer(connection, MHD_create_response_from_fd64(status.st_size, fd));
    }
    char text[256];
    int printed = snprintf(text, sizeof text, "%s %s\n", method, url);
    return answer(connection, MHD_create_response_from_buffer_copy(printed, text));
}

static void done(void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code) {
    (void)context; (void)connection; (void)code;
    struct posted *posted = *request;
    if (posted)
        free(posted->text);
    free(posted);
}

/* The program waits itself. */
static void run_by_select(struct MHD_Daemon *daemon) {
    for (;;) {
        fd_set readable, writable, exceptional;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_ZERO(&exceptional);
        MHD_socket most = 0;
        if (MHD_get_fdset(daemon, &readable, &writable, &exceptional, &most) != MHD_YES)
            fail("MHD_get_fdset");
        if (select(most + 1, &readable, &writable, &exceptional, NULL) < 0)
            fail("select");
        if (MHD_run_from_select(daemon, &readable, &writable, &exceptional) != MHD_YES)
            fail("MHD_run_from_select");
    }
}

/* The library waits. */
static void run(struct MHD_Daemon *daemon) {
    while (MHD_run_wait(daemon, -1) == MHD_YES)
        ;
    fail("MHD_run_wait");
}

/* The library has threads that wait. */
static void run_by_threads(struct MHD_Daemon *daemon) {
    (void)daemon;
    for (;;)
        sleep(3600);
}

static const struct {
    const char *name;
    unsigned flags, threads;
    void (*run)(struct MHD_Daemon *);
} modes[] = {
    {"select", 0, 0, run_by_select},
    {"epoll", MHD_USE_EPOLL, 0, run},
    {"pool", MHD_USE_EPOLL_INTERNAL_THREAD, 4, run_by_threads},
};

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: microhttpd MODE PORT|PATH FILE\n");
        return 1;
    }
    file = argv[3];
    for (size_t at = 0; at < sizeof modes / sizeof *modes; at++) {
        if (strcmp(modes[at].name, argv[1]))
            continue;
        int listener = listen_at(argv[2]);
        struct MHD_Daemon *daemon = MHD_start_daemon(
            MHD_USE_ERROR_LOG | modes[at].flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
            MHD_OPTION_NOTIFY_COMPLETED, done, NULL, MHD_OPTION_THREAD_POOL_SIZE, modes[at].threads, MHD_OPTION_END);
        if (!daemon)
            fail("MHD_start_daemon");
        puts("listening");
        fflush(stdout);
        modes[at].run(daemon);
    }
    fprintf(stderr, "%s: no such mode\n", argv[1]);
    return 1;
}
