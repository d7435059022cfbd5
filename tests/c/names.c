/* Names of hosts, services and interfaces. */
#include "say.h"
#include <net/if.h>
#include <sys/ioctl.h>

static const char *error_of(int number) {
    switch (number) {
    case 0: return "0";
    case EAI_BADFLAGS: return "EAI_BADFLAGS";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_SOCKTYPE: return "EAI_SOCKTYPE";
    case EAI_SERVICE: return "EAI_SERVICE";
    case EAI_SYSTEM: return "EAI_SYSTEM";
    case EAI_OVERFLOW: return "EAI_OVERFLOW";
    default: return "another";
    }
}

static void look_up(const char *host, const char *service, int flags, int family, int kind) {
    struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = kind}, *found = NULL;
    int error = getaddrinfo(host, service, &hints, &found);
    printf("getaddrinfo(%s, %s, %x, %d, %d) = %s\n", host ? host : "NULL", service ? service : "NULL", flags, family, kind, error_of(error));
    for (struct addrinfo *each = found; each; each = each->ai_next) {
        char name[64], port[32];
        getnameinfo(each->ai_addr, each->ai_addrlen, name, sizeof name, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        printf("  %d %d %d %u %s %s %s\n", each->ai_family, each->ai_socktype, each->ai_protocol, (unsigned)each->ai_addrlen,
               name, port, each->ai_canonname ? each->ai_canonname : "-");
    }
    if (!error)
        freeaddrinfo(found);
}

void names(void) {
    look_up("127.0.0.1", "80", 0, AF_UNSPEC, SOCK_STREAM);
    look_up("127.0.0.1", "80", 0, AF_UNSPEC, 0);
    look_up("::1", "443", 0, AF_UNSPEC, SOCK_DGRAM);
    look_up(NULL, "7", AI_PASSIVE, AF_INET, SOCK_STREAM);
    look_up(NULL, "7", 0, AF_INET6, SOCK_STREAM);
    look_up("127.0.0.1", "http", 0, AF_INET, SOCK_STREAM);
    look_up("127.0.0.1", NULL, AI_CANONNAME, AF_INET, SOCK_STREAM);
    look_up("127.0.0.1", "http", AI_NUMERICSERV, AF_INET, SOCK_STREAM);
    look_up("not-a-number", "80", AI_NUMERICHOST, AF_INET, SOCK_STREAM);
    look_up("::1", "80", 0, AF_INET, SOCK_STREAM);
    look_up(NULL, NULL, 0, AF_INET, SOCK_STREAM);
    look_up("127.0.0.1", "80", 0x40000000, AF_INET, SOCK_STREAM);
    look_up("127.0.0.1", "80", 0, 77, SOCK_STREAM);
    look_up("127.0.0.1", "80", 0, AF_INET, 77);
    look_up("127.0.0.1", "no-such-service", 0, AF_INET, SOCK_STREAM);
    look_up("127.0.0.1", "80", AI_V4MAPPED, AF_INET6, SOCK_STREAM);
    look_up("localhost", "80", 0, AF_INET, SOCK_STREAM);
    printf("%s; %s; %s\n", gai_strerror(EAI_NONAME), gai_strerror(EAI_FAMILY), gai_strerror(EAI_SERVICE));

    struct sockaddr_storage address = loopback(AF_INET, 80);
    char host[64], service[32];
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&address, sizeof(struct sockaddr_in), host, sizeof host, service, sizeof service, NI_NUMERICHOST)));
    printf("%s %s\n", host, service);
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&address, sizeof(struct sockaddr_in), host, 4, NULL, 0, NI_NUMERICHOST)));
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&address, 3, host, sizeof host, NULL, 0, NI_NUMERICHOST)));

    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/a/path"};
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&local, sizeof local, host, sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV)));
    printf("%s %s\n", host, service);
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&local, sizeof local, NULL, 0, service, 4, 0)));
    char own[256];
    gethostname(own, sizeof own);
    getnameinfo((struct sockaddr *)&local, sizeof local, host, sizeof host, service, sizeof service, 0);
    IS(strcmp(host, own) == 0);
    local.sun_path[0] = 0;
    printf("getnameinfo: %s\n", error_of(getnameinfo((struct sockaddr *)&local, sizeof local, host, sizeof host, service, sizeof service, NI_NUMERICHOST)));
    printf("%s %s.\n", host, service);

    struct hostent *entry = gethostbyname("127.0.0.1");
    IS(entry && entry->h_addrtype == AF_INET && entry->h_length == 4);
    IS(entry && *(in_addr_t *)entry->h_addr_list[0] == htonl(INADDR_LOOPBACK) && !entry->h_addr_list[1]);
    entry = gethostbyname("localhost");
    IS(entry && entry->h_addrtype == AF_INET && entry->h_addr_list[0]);
    struct servent *service_entry = getservbyname("http", "tcp");
    IS(service_entry && ntohs(service_entry->s_port) == 80 && strcmp(service_entry->s_proto, "tcp") == 0);
    IS(getservbyname("no-such-service", "tcp") != NULL);
    service_entry = getservbyport(htons(443), "tcp");
    IS(service_entry && strcmp(service_entry->s_name, "https") == 0);
    struct protoent *protocol = getprotobyname("tcp");
    IS(protocol && protocol->p_proto == 6);
    protocol = getprotobynumber(17);
    IS(protocol && strcmp(protocol->p_name, "udp") == 0);
    IS(getprotobyname("no-such-protocol") != NULL);
    char name[256], short_name[1];
    SAY(gethostname(name, sizeof name));
    IS(strlen(name) > 0);
    SAY(gethostname(short_name, sizeof short_name));
}

void interfaces(void) {
    char name[IF_NAMESIZE];
    SAY(if_nametoindex("lo"));
    IS(if_indextoname(1, name) && strcmp(name, "lo") == 0);
    SAY(if_nametoindex("no-such-name"));
    printf("%s\n", errno_name(errno));
    IS(if_indextoname(99999, name) != NULL);
    printf("%s\n", errno_name(errno));
    struct if_nameindex *all = if_nameindex();
    IS(all && all[0].if_index == 1 && strcmp(all[0].if_name, "lo") == 0);
    if_freenameindex(all);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo"};
    SAY(ioctl(fd, SIOCGIFINDEX, &request));
    SAY(request.ifr_ifindex);
    request = (struct ifreq){.ifr_ifindex = 1};
    SAY(ioctl(fd, SIOCGIFNAME, &request));
    SAY(strcmp(request.ifr_name, "lo"));
    SAY(ioctl(fd, 0x1234, &request));
    close(fd);
}
