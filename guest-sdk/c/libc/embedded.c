/* The files of capsock-embed, which the linker puts side by side, and what of libc's
   types ../src/embedded.rs needs. */
#define __capsock_of_libc__
#include <dirent.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

extern const unsigned char __start_capsock_files[] __attribute__((weak));
extern const unsigned char __stop_capsock_files[] __attribute__((weak));

const unsigned char *__capsock_embedded(size_t *length) {
    *length = (size_t)(__stop_capsock_files - __start_capsock_files);
    return __start_capsock_files;
}

void __capsock_fill_embedded(struct stat *status, int is_directory, size_t size, size_t inode) {
    *status = (struct stat){
        .st_mode = is_directory ? S_IFDIR | 0555 : S_IFREG | 0444,
        .st_nlink = 1,
        .st_blksize = 4096,
        .st_ino = inode,
        .st_size = (off_t)size,
        .st_blocks = ((off_t)size + 511) / 512,
    };
}

size_t __capsock_size_of_dirent(size_t name) { return offsetof(struct dirent, d_name) + name + 1; }

void __capsock_fill_dirent(struct dirent *entry, int is_directory, const char *name, size_t length, size_t inode) {
    entry->d_ino = inode;
    entry->d_type = is_directory ? DT_DIR : DT_REG;
    memcpy(entry->d_name, name, length);
    entry->d_name[length] = 0;
}

const char *__capsock_read_dirent(const struct dirent *entry, int *is_directory) {
    *is_directory = entry->d_type == DT_DIR;
    return entry->d_name;
}
