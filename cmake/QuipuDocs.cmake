# The reference of ops and passes, generated from TableGen into docs/reference/ by the target `docs`. The files are
# checked in; test/tools/docs.test compares them with what the sources say now.
#
#   quipu_add_reference(NAME FILE GENERATOR ARGS...)   FILE: a .td file; the result is docs/reference/NAME.md

set(QUIPU_REFERENCE_DIR ${PROJECT_BINARY_DIR}/docs/reference)

function(quipu_add_reference name file)
  set(output ${QUIPU_REFERENCE_DIR}/${name}.md)
  get_filename_component(folder ${file} DIRECTORY)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.td)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${QUIPU_REFERENCE_DIR}
    COMMAND ${MLIR_TABLEGEN_EXE} ${ARGN} -I ${PROJECT_SOURCE_DIR} -I ${MLIR_INCLUDE_DIR} -I ${LLVM_INCLUDE_DIR}
            ${PROJECT_SOURCE_DIR}/${file} -o ${output}
    DEPENDS ${sources}
    COMMENT "Generating docs/reference/${name}.md"
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY QUIPU_REFERENCE ${output})
endfunction()

# The include folders of the installed headers; the lists of the packages may hold several.
list(GET MLIR_INCLUDE_DIRS 0 MLIR_INCLUDE_DIR)
list(GET LLVM_INCLUDE_DIRS 0 LLVM_INCLUDE_DIR)

quipu_add_reference(dialect ir/Llama/LlamaOps.td -gen-dialect-doc -dialect=llama)
quipu_add_reference(passes passes/Passes.td -gen-pass-doc)
quipu_add_reference(codegen-passes codegen/Passes.td -gen-pass-doc)
quipu_add_reference(reference-lowering ir/Reference/Passes.td -gen-pass-doc)

get_property(references GLOBAL PROPERTY QUIPU_REFERENCE)
add_custom_target(QuipuReferencePages ALL DEPENDS ${references})
add_custom_target(docs
  COMMAND ${CMAKE_COMMAND} -E copy_directory ${QUIPU_REFERENCE_DIR} ${PROJECT_SOURCE_DIR}/docs/reference
  DEPENDS ${references}
  COMMENT "Updating docs/reference")
