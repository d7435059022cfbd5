#ifndef __CAPSOCK_RESOLV_H
#define __CAPSOCK_RESOLV_H

#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <arpa/nameser.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAXNS 3
#define MAXDNSRCH 6
#define RES_INIT 0x1
#define RES_DEFNAMES 0x80
#define RES_DNSRCH 0x200
#define _PATH_RESCONF "/etc/resolv.conf"

struct __res_state {
    int retrans, retry;
    unsigned long options;
    int nscount;
    struct sockaddr_in nsaddr_list[MAXNS];
    unsigned short id;
    char *dnsrch[MAXDNSRCH + 1];
    char defdname[256];
};
struct __res_state *__res_state(void);
#define _res (*__res_state())

int res_init(void);
int res_query(const char *, int, int, unsigned char *, int);
int res_search(const char *, int, int, unsigned char *, int);
int b64_ntop(const unsigned char *, size_t, char *, size_t);
int b64_pton(const char *, unsigned char *, size_t);

#ifdef __cplusplus
}
#endif

#endif
