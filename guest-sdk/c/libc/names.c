/* What of netdb.h and resolv.h the host does not look up. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <resolv.h>
#include <stddef.h>
#include <stdio.h>

#define WEAK __attribute__((weak))

/* The interface tells no addresses of interfaces. */
WEAK int getifaddrs(struct ifaddrs **found) { (void)found; errno = ENOSYS; return -1; }
WEAK void freeifaddrs(struct ifaddrs *found) { (void)found; }

/* The host looks names up: there is no server to ask. */
static struct __res_state state;
WEAK struct __res_state *__res_state(void) { return &state; }
WEAK int res_init(void) { return 0; }
WEAK int res_query(const char *name, int class, int type, unsigned char *room, int size) {
    (void)name; (void)class; (void)type; (void)room; (void)size;
    errno = ENOSYS;
    h_errno = NO_RECOVERY;
    return -1;
}
WEAK int res_search(const char *name, int class, int type, unsigned char *room, int size) {
    return res_query(name, class, type, room, size);
}
WEAK int res_send(const unsigned char *query, int length, unsigned char *room, int size) {
    (void)query; (void)length; (void)room; (void)size;
    errno = ENOSYS;
    return -1;
}

WEAK void sethostent(int stay) { (void)stay; }
WEAK void endhostent(void) {}
WEAK struct hostent *gethostent(void) { return NULL; }
WEAK void setservent(int stay) { (void)stay; }
WEAK void endservent(void) {}
WEAK struct servent *getservent(void) { return NULL; }
WEAK void setprotoent(int stay) { (void)stay; }
WEAK void endprotoent(void) {}
WEAK struct protoent *getprotoent(void) { return NULL; }

WEAK void herror(const char *text) {
    fprintf(stderr, "%s%s%s\n", text ? text : "", text ? ": " : "", hstrerror(h_errno));
}

WEAK in_addr_t inet_addr(const char *text) {
    struct in_addr address;
    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}
