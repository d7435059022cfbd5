#ifndef __CAPSOCK_SYS_SOCKET_H
#define __CAPSOCK_SYS_SOCKET_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/socket.h>
#undef __wasilibc_unmodified_upstream

/* The numbers of 64-bit machines, as the rest. */
#undef SO_RCVTIMEO
#undef SO_SNDTIMEO
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#undef SOMAXCONN
#define SOMAXCONN 4096

#endif
