/* wasi-libc's header asks for __wasi__, which CPython is compiled without: it stands there
   for what wasi-libc lacks and this SDK has. */
#define __wasi__ 1
#include_next <wasi/api.h>
#undef __wasi__
