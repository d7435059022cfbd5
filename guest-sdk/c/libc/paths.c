/* Names of files are UTF-8 in WASI: one that is not would end the program on its way to the
   host. Linux's file systems that take no others say EILSEQ. */
#include <stdint.h>
#include <wasi/api.h>

/* Of src/path.rs. */
int __capsock_is_text(const char *path);

#define PASS(name, condition, parameters, ...) \
    __wasi_errno_t __real_##name parameters; \
    __wasi_errno_t __wrap_##name parameters { \
        return (condition) ? __real_##name(__VA_ARGS__) : __WASI_ERRNO_ILSEQ; \
    }
#define TEXT(path) __capsock_is_text(path)

PASS(__wasi_path_create_directory, TEXT(path), (__wasi_fd_t fd, const char *path), fd, path)
PASS(__wasi_path_filestat_get, TEXT(path), (__wasi_fd_t fd, __wasi_lookupflags_t flags, const char *path, __wasi_filestat_t *status), fd, flags, path, status)
PASS(__wasi_path_filestat_set_times, TEXT(path),
     (__wasi_fd_t fd, __wasi_lookupflags_t flags, const char *path, __wasi_timestamp_t access, __wasi_timestamp_t change, __wasi_fstflags_t which),
     fd, flags, path, access, change, which)
PASS(__wasi_path_link, TEXT(old) && TEXT(new),
     (__wasi_fd_t from, __wasi_lookupflags_t flags, const char *old, __wasi_fd_t to, const char *new), from, flags, old, to, new)
PASS(__wasi_path_open, TEXT(path),
     (__wasi_fd_t fd, __wasi_lookupflags_t flags, const char *path, __wasi_oflags_t how, __wasi_rights_t rights, __wasi_rights_t inheriting, __wasi_fdflags_t more, __wasi_fd_t *opened),
     fd, flags, path, how, rights, inheriting, more, opened)
PASS(__wasi_path_readlink, TEXT(path), (__wasi_fd_t fd, const char *path, uint8_t *start, __wasi_size_t size, __wasi_size_t *length), fd, path, start, size, length)
PASS(__wasi_path_remove_directory, TEXT(path), (__wasi_fd_t fd, const char *path), fd, path)
PASS(__wasi_path_rename, TEXT(old) && TEXT(new), (__wasi_fd_t from, const char *old, __wasi_fd_t to, const char *new), from, old, to, new)
PASS(__wasi_path_symlink, TEXT(target) && TEXT(path), (const char *target, __wasi_fd_t fd, const char *path), target, fd, path)
PASS(__wasi_path_unlink_file, TEXT(path), (__wasi_fd_t fd, const char *path), fd, path)
