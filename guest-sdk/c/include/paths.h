#ifndef __CAPSOCK_PATHS_H
#define __CAPSOCK_PATHS_H



#ifdef __cplusplus
extern "C" {
#endif

#define _PATH_DEVNULL "/dev/null"
#define _PATH_MOUNTED "/etc/mtab"
#define _PATH_TTY "/dev/tty"
#define _PATH_BSHELL "/bin/sh"
#define _PATH_DEFPATH "/usr/bin:/bin"
#define _PATH_TMP "/tmp/"
#define _PATH_VARRUN "/var/run/"
#define _PATH_VARTMP "/var/tmp/"
#define _PATH_DEV "/dev/"

#ifdef __cplusplus
}
#endif

#endif
