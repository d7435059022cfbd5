#ifndef __CAPSOCK_SYS_SENDFILE_H
#define __CAPSOCK_SYS_SENDFILE_H

#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

ssize_t sendfile(int, int, off_t *, size_t);
#define sendfile64 sendfile

#ifdef __cplusplus
}
#endif

#endif
