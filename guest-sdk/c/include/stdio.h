#ifndef __CAPSOCK_STDIO_H
#define __CAPSOCK_STDIO_H

#include_next <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define L_tmpnam 20
#define TMP_MAX 10000
#define P_tmpdir "/tmp"

FILE *tmpfile(void);
char *tmpnam(char *);
FILE *popen(const char *, const char *);
int pclose(FILE *);
void flockfile(FILE *);
int ftrylockfile(FILE *);
void funlockfile(FILE *);

#ifdef __cplusplus
}
#endif

#endif
