#include "say.h"

#define NAMES(name)                                                                 \
    name(EACCES) name(EADDRINUSE) name(EADDRNOTAVAIL) name(EAFNOSUPPORT) name(EAGAIN) \
    name(EALREADY) name(EBADF) name(EBUSY) name(ECANCELED) name(ECHILD) name(ECONNABORTED) \
    name(ECONNREFUSED) name(ECONNRESET) name(EDESTADDRREQ) name(EDOM) name(EEXIST)  \
    name(EFAULT) name(EHOSTUNREACH) name(EINPROGRESS) name(EINTR) name(EINVAL) name(EIO) \
    name(EISCONN) name(EISDIR) name(ELOOP) name(EMFILE) name(EMSGSIZE) name(ENAMETOOLONG) \
    name(ENETUNREACH) name(ENOBUFS) name(ENODEV) name(ENOENT) name(ENOMEM) name(ENOPROTOOPT) \
    name(ENOSPC) name(ENOSYS) name(ENOTCONN) name(ENOTDIR) name(ENOTSOCK) name(ENOTTY) \
    name(ENXIO) name(EOPNOTSUPP) name(EOVERFLOW) name(EPERM) name(EPIPE) name(EPROTO) \
    name(EPROTONOSUPPORT) name(EPROTOTYPE) name(ERANGE) name(ESPIPE) name(ESRCH)    \
    name(ETIMEDOUT) name(ENODATA) name(EHOSTDOWN) name(ESOCKTNOSUPPORT) name(ETOOMANYREFS) \
    name(ESHUTDOWN) name(EUSERS) name(EROFS) name(EDEADLK) name(EBUSY)

const char *errno_name(int number) {
    static char unknown[32];
#define ROW(name) if (number == name) return #name;
    NAMES(ROW)
    snprintf(unknown, sizeof unknown, "errno %d", number);
    return unknown;
}

struct sockaddr_storage loopback(int family, int port) {
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    address.ss_family = family;
    if (family == AF_INET) {
        struct sockaddr_in *inet = (struct sockaddr_in *)&address;
        inet->sin_port = htons(port);
        inet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        struct sockaddr_in6 *inet = (struct sockaddr_in6 *)&address;
        inet->sin6_port = htons(port);
        inet->sin6_addr = in6addr_loopback;
    }
    return address;
}

socklen_t size_of_family(int family) {
    return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

int port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length))
        return -1;
    /* The port is at the same place in both families. */
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

void say_address(const char *what, const struct sockaddr_storage *address, socklen_t length) {
    char printed[64] = "?";
    if (length < sizeof(sa_family_t))
        printf("%s: none, length %u\n", what, (unsigned)length);
    else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *inet = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &inet->sin_addr, printed, sizeof printed);
        printf("%s: AF_INET %s, length %u, port %s\n", what, printed, (unsigned)length, inet->sin_port ? "set" : "0");
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *inet = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &inet->sin6_addr, printed, sizeof printed);
        printf("%s: AF_INET6 %s, length %u, port %s, scope %u\n", what, printed, (unsigned)length,
               inet->sin6_port ? "set" : "0", (unsigned)inet->sin6_scope_id);
    } else if (address->ss_family == AF_UNIX) {
        const struct sockaddr_un *local = (const struct sockaddr_un *)address;
        const char *path = local->sun_path;
        if (length <= offsetof(struct sockaddr_un, sun_path))
            printf("%s: AF_UNIX unnamed, length %u\n", what, (unsigned)length);
        else if (!*path)
            printf("%s: AF_UNIX abstract, length %u\n", what, (unsigned)length);
        else
            printf("%s: AF_UNIX %s\n", what, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    } else {
        printf("%s: family %d\n", what, address->ss_family);
    }
}

int listener(int family, int *port) {
    struct sockaddr_storage address = loopback(family, 0);
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size_of_family(family)) || listen(fd, 8)) {
        perror("listener");
        exit(1);
    }
    *port = port_of(fd);
    return fd;
}

void connection(int family, int pair[2]) {
    int port, server = listener(family, &port);
    struct sockaddr_storage address = loopback(family, port);
    pair[0] = socket(family, SOCK_STREAM, 0);
    if (connect(pair[0], (struct sockaddr *)&address, size_of_family(family))) {
        perror("connection");
        exit(1);
    }
    pair[1] = accept(server, NULL, NULL);
    close(server);
}

const char *in_directory(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}
