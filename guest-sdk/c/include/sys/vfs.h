#ifndef __CAPSOCK_SYS_VFS_H
#define __CAPSOCK_SYS_VFS_H

#include <sys/statfs.h>

#endif
