/* include/ffi.h */
#include <ffi.h>
#include <stdint.h>

#define TYPE(name, of, number) ffi_type ffi_type_##name = {sizeof(of), _Alignof(of), number, NULL}
ffi_type ffi_type_void = {1, 1, FFI_TYPE_VOID, NULL};
TYPE(uint8, uint8_t, FFI_TYPE_UINT8);
TYPE(sint8, int8_t, FFI_TYPE_SINT8);
TYPE(uint16, uint16_t, FFI_TYPE_UINT16);
TYPE(sint16, int16_t, FFI_TYPE_SINT16);
TYPE(uint32, uint32_t, FFI_TYPE_UINT32);
TYPE(sint32, int32_t, FFI_TYPE_SINT32);
TYPE(uint64, uint64_t, FFI_TYPE_UINT64);
TYPE(sint64, int64_t, FFI_TYPE_SINT64);
TYPE(float, float, FFI_TYPE_FLOAT);
TYPE(double, double, FFI_TYPE_DOUBLE);
TYPE(longdouble, long double, FFI_TYPE_LONGDOUBLE);
TYPE(pointer, void *, FFI_TYPE_POINTER);

/* What WebAssembly hands over as an i32. */
static int is_word(const ffi_type *type) {
    switch (type->type) {
    case FFI_TYPE_UINT8: case FFI_TYPE_SINT8: case FFI_TYPE_UINT16: case FFI_TYPE_SINT16:
    case FFI_TYPE_UINT32: case FFI_TYPE_SINT32: case FFI_TYPE_POINTER:
        return 1;
    }
    return 0;
}

static int32_t word(const ffi_type *type, const void *value) {
    switch (type->type) {
    case FFI_TYPE_UINT8: return *(const uint8_t *)value;
    case FFI_TYPE_SINT8: return *(const int8_t *)value;
    case FFI_TYPE_UINT16: return *(const uint16_t *)value;
    case FFI_TYPE_SINT16: return *(const int16_t *)value;
    }
    return *(const int32_t *)value;
}

ffi_status ffi_prep_cif(ffi_cif *cif, ffi_abi abi, unsigned count, ffi_type *result, ffi_type **types) {
    (void)abi;
    if (count > 3 || !is_word(result))
        return FFI_BAD_TYPEDEF;
    for (unsigned at = 0; at < count; at++)
        if (!is_word(types[at]))
            return FFI_BAD_ARGTYPE;
    *cif = (ffi_cif){count, types, result};
    return FFI_OK;
}

ffi_status ffi_prep_cif_var(ffi_cif *cif, ffi_abi abi, unsigned fixed, unsigned count, ffi_type *result, ffi_type **types) {
    (void)cif; (void)abi; (void)fixed; (void)count; (void)result; (void)types;
    return FFI_BAD_ABI;
}

void ffi_call(ffi_cif *cif, void (*function)(void), void *result, void **values) {
    int32_t words[3] = {0}, returned = 0;
    for (unsigned at = 0; at < cif->count; at++)
        words[at] = word(cif->types[at], values[at]);
    switch (cif->count) {
    case 0: returned = ((int32_t (*)(void))function)(); break;
    case 1: returned = ((int32_t (*)(int32_t))function)(words[0]); break;
    case 2: returned = ((int32_t (*)(int32_t, int32_t))function)(words[0], words[1]); break;
    case 3: returned = ((int32_t (*)(int32_t, int32_t, int32_t))function)(words[0], words[1], words[2]); break;
    }
    *(ffi_arg *)result = (ffi_arg)returned;
}

/* A function that is made of a Python one. */
void *ffi_closure_alloc(size_t size, void **code) { (void)size; (void)code; return NULL; }
void ffi_closure_free(void *closure) { (void)closure; }
ffi_status ffi_prep_closure(ffi_closure *closure, ffi_cif *cif, void (*function)(ffi_cif *, void *, void **, void *), void *data) {
    return ffi_prep_closure_loc(closure, cif, function, data, NULL);
}
ffi_status ffi_prep_closure_loc(ffi_closure *closure, ffi_cif *cif, void (*function)(ffi_cif *, void *, void **, void *), void *data, void *code) {
    (void)closure; (void)cif; (void)function; (void)data; (void)code;
    return FFI_BAD_ABI;
}
