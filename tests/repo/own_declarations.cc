// A plugin for clang-tidy (see `lint` in ./run): checks look at this repository's declarations
// only.
//
// clang-tidy 14 matches every check against all of the C++ library, GoogleTest and Abseil, too, and
// then drops what it found there: three quarters of its time. Later versions leave out system
// headers by themselves. The means is that of clangd: ASTContext::setTraversalScope.
#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/AST/DeclGroup.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/FrontendPluginRegistry.h>

#include <memory>
#include <string>
#include <vector>

namespace {

class OwnDeclarations : public clang::ASTConsumer {
 public:
  explicit OwnDeclarations(const clang::SourceManager& sources) : sources_(sources) {}

  bool HandleTopLevelDecl(clang::DeclGroupRef group) override {
    for (clang::Decl* declaration : group) {
      if (!sources_.isInSystemHeader(declaration->getLocation())) own_.push_back(declaration);
    }
    return true;
  }

  void HandleTranslationUnit(clang::ASTContext& context) override {
    context.setTraversalScope(own_);
  }

 private:
  const clang::SourceManager& sources_;
  std::vector<clang::Decl*> own_;
};

class Action : public clang::PluginASTAction {
 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& compiler,
                                                        llvm::StringRef /*file*/) override {
    return std::make_unique<OwnDeclarations>(compiler.getSourceManager());
  }

  bool ParseArgs(const clang::CompilerInstance& /*compiler*/,
                 const std::vector<std::string>& /*arguments*/) override {
    return true;
  }

  ActionType getActionType() override { return AddBeforeMainAction; }
};

const clang::FrontendPluginRegistry::Add<Action> kRegistration(
    "own-declarations", "checks look at this repository's declarations only");

}  // namespace
