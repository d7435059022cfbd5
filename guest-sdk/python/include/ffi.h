/* What `_ctypes` asks of libffi: its types, whose structures, arrays and pointers need
   no call, and calls of functions that have whole numbers and pointers alone, as those
   that ctypes has itself (memmove, string_at). Another call is an error: WebAssembly has
   no code that is made at run time. */
#ifndef CAPSOCK_FFI_H
#define CAPSOCK_FFI_H

#include <stddef.h>

enum {
    FFI_TYPE_VOID, FFI_TYPE_INT, FFI_TYPE_FLOAT, FFI_TYPE_DOUBLE, FFI_TYPE_LONGDOUBLE, FFI_TYPE_UINT8, FFI_TYPE_SINT8,
    FFI_TYPE_UINT16, FFI_TYPE_SINT16, FFI_TYPE_UINT32, FFI_TYPE_SINT32, FFI_TYPE_UINT64, FFI_TYPE_SINT64,
    FFI_TYPE_STRUCT, FFI_TYPE_POINTER,
};

typedef struct ffi_type {
    size_t size;
    unsigned short alignment, type;
    struct ffi_type **elements;
} ffi_type;

extern ffi_type ffi_type_void, ffi_type_uint8, ffi_type_sint8, ffi_type_uint16, ffi_type_sint16, ffi_type_uint32,
    ffi_type_sint32, ffi_type_uint64, ffi_type_sint64, ffi_type_float, ffi_type_double, ffi_type_longdouble,
    ffi_type_pointer;
#define ffi_type_uchar ffi_type_uint8
#define ffi_type_schar ffi_type_sint8
#define ffi_type_ushort ffi_type_uint16
#define ffi_type_sshort ffi_type_sint16
#define ffi_type_uint ffi_type_uint32
#define ffi_type_sint ffi_type_sint32
#define ffi_type_ulong ffi_type_uint32
#define ffi_type_slong ffi_type_sint32

typedef enum { FFI_OK, FFI_BAD_TYPEDEF, FFI_BAD_ABI, FFI_BAD_ARGTYPE } ffi_status;
typedef enum { FFI_DEFAULT_ABI = 1 } ffi_abi;
typedef unsigned long ffi_arg;
typedef long ffi_sarg;

typedef struct {
    unsigned count;
    ffi_type **types;
    ffi_type *result;
} ffi_cif;

typedef struct {
    int nothing;
} ffi_closure;

#define FFI_FN(function) ((void (*)(void))(function))

ffi_status ffi_prep_cif(ffi_cif *, ffi_abi, unsigned count, ffi_type *result, ffi_type **types);
ffi_status ffi_prep_cif_var(ffi_cif *, ffi_abi, unsigned fixed, unsigned count, ffi_type *result, ffi_type **types);
void ffi_call(ffi_cif *, void (*function)(void), void *result, void **values);
void *ffi_closure_alloc(size_t size, void **code);
void ffi_closure_free(void *);
ffi_status ffi_prep_closure(ffi_closure *, ffi_cif *, void (*)(ffi_cif *, void *, void **, void *), void *data);
ffi_status ffi_prep_closure_loc(ffi_closure *, ffi_cif *, void (*)(ffi_cif *, void *, void **, void *), void *data, void *code);

#endif
