#ifndef __CAPSOCK_SYS_SOCKET_H
#define __CAPSOCK_SYS_SOCKET_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/socket.h>
#undef __wasilibc_unmodified_upstream

#endif
