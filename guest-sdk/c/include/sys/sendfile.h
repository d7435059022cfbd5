#ifndef __CAPSOCK_SYS_SENDFILE_H
#define __CAPSOCK_SYS_SENDFILE_H

#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

ssize_t sendfile(int, int, off_t *, size_t);
#ifdef _LARGEFILE64_SOURCE
#define sendfile64 sendfile
#endif

#ifdef __cplusplus
}
#endif

#endif
